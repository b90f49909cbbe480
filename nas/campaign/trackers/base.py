"""What every tracker promises, and the figures that all of them show alike."""

import math
import re
from abc import ABC, abstractmethod

from nas.ledger import LeasedCandidate, Ledger
from nas.schema import Epoch, Outcome, Scalar
from nas.schema.visible import visible

_FIGURES = tuple(name for name in Epoch.model_fields if name not in ("epoch", "metrics", "usage"))
_FINAL = (
    *("val_acc", "val_loss", "test_acc", "uniform_val_acc", "uniform_test_acc"),
    *("oracle_val_acc", "oracle_test_acc", "seconds", "peak_memory_bytes", "params"),
)


class Recorder:
    """Told by the driver what the ledger has taken. This one keeps nothing: it is the default.

    `attempt` is unique in a ledger and belongs to one driver, and a candidate that goes on after a
    stop does so in a new attempt: so no step of an attempt is told twice, over any resumes.
    """

    def epoch(self, claim: LeasedCandidate, attempt: int, epoch: Epoch) -> None:
        """An attempt at the claim's candidate has finished an epoch."""

    def done(self, claim: LeasedCandidate, attempt: int, outcome: Outcome) -> None:
        """An attempt has ended; one that was refused has told of no epoch."""

    def close(self) -> None:
        """The driver is done; attempts without an end are another driver's to finish."""


class Tracker(Recorder, ABC):
    """A view of a campaign in another tool. `str()` of one says where it writes, for a person.

    Its methods are called in a thread of its own (see `BackgroundLogger`), in the ledger's order;
    they may take long, and raise what they like: the first trouble is printed once, and the
    campaign goes on.
    """

    @abstractmethod
    def __init__(self, ledger: Ledger, campaign: str) -> None:
        """Made in the driver's thread; connects to nothing yet. `campaign` names one in `ledger`,
        which is to be read only."""

    @abstractmethod
    def __str__(self) -> str:
        """As in `TensorBoard: tensorboard --logdir PATH`."""


def title(claim: LeasedCandidate, attempt: int) -> str:
    """`search-00012-3fa9c1d2-31`: role, number, key and attempt, sorted as they were drawn."""
    return f"{claim.role.value}-{claim.number:05d}-{claim.candidate.key[:8]}-{attempt}"


def settings(claim: LeasedCandidate) -> dict[str, Scalar]:
    """The gate's settings, `gate_<name>` as in the ledger's frames."""
    choices = sorted(claim.candidate.choices.items())
    return {
        f"gate_{_plain(name)}": visible(value) if isinstance(value, str) else value
        for name, value in choices
    }


def figures(claim: LeasedCandidate, epoch: Epoch) -> dict[str, float]:
    """An epoch's figures by name, in the ledger's units; the gate's use of an expert is
    `usage/<family>`, a metric that the ledger has no column for `metrics/<name>`. What was
    not measured, or is not finite, is left out."""
    found = {name: getattr(epoch, name) for name in _FIGURES}
    others = {name: value for name, value in epoch.metrics.items() if name not in found}
    found |= {f"metrics/{name}": value for name, value in others.items()}
    for family, share in zip(claim.candidate.families, epoch.usage, strict=False):
        found[f"usage/{_plain(family)}"] = share
    return _finite(found)


def results(outcome: Outcome) -> dict[str, float]:
    """What an attempt ended with: `final/<name>`, in the ledger's units."""
    return _finite({f"final/{name}": getattr(outcome, name) for name in _FINAL})


def _finite(found: dict[str, float | None]) -> dict[str, float]:
    return {n: float(v) for n, v in found.items() if v is not None and math.isfinite(v)}


def _plain(name: str) -> str:
    """Of the characters every log takes."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)
