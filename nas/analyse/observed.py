"""What the statistics of families and pairs stand on: one comparable accuracy a candidate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.analyse.frames import Frames
from nas.effects import Observations
from nas.spec import Assignment, Pick

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Observed:
    """The results of a campaign's search that may be compared with each other."""

    observations: Observations
    note: str
    """What they speak of, for a reader."""


def observed(frames: Frames) -> Observed:
    """Validation accuracy at the end; with early stopping, that of everybody at the first rung.

    Who is stopped there is chosen by that very accuracy: means over the survivors would flatter
    whoever has few of them.
    """
    drawn = frames.candidates[frames.candidates["role"] == "search"]
    epoch = first_rung(frames)
    if epoch is None:
        rows = drawn[drawn["outcome"] == "ok"]
        values = rows["val_acc"]
        note = "effects and synergies on final validation accuracy"
    else:
        at = frames.epochs[(frames.epochs["role"] == "search") & (frames.epochs["epoch"] == epoch)]
        latest = at.drop_duplicates("candidate", keep="last").set_index("candidate")["val_acc"]
        rows = drawn[drawn["candidate"].isin(latest.index)]
        values = rows["candidate"].map(latest)
        note = (
            f"effects and synergies on validation accuracy at epoch {epoch}, the first rung,"
            " where all can be compared"
        )
    refused = int((drawn["outcome"] == "invalid").sum())
    if refused:
        note += f"; they speak of what fits the device: {refused} candidates did not"
    assignments = assignments_of(rows)
    return Observed(Observations.of(frames.space.families, assignments, values), note)


def first_rung(frames: Frames) -> int | None:
    """The epoch of the first decision that stopped a candidate; None where none was stopped."""
    stopped = frames.attempts[frames.attempts["outcome"] == "pruned"]
    return None if stopped.empty else int(stopped["epochs"].min())


def assignments_of(rows: "pd.DataFrame") -> list[Assignment]:
    """The point of the space that each row of `candidates` or `attempts` stands for."""
    gates = [name for name in rows.columns if name.startswith("gate_")]
    settings = rows[gates].to_numpy(dtype=object)
    names = [name.removeprefix("gate_") for name in gates]
    return [
        Assignment(
            picks=tuple(map(Pick, families.split("+"), members.split("+"))) if families else (),
            choices=tuple(zip(names, values, strict=True)),
        )
        for families, members, values in zip(
            rows["families"], rows["members"], settings.tolist(), strict=True
        )
    ]
