"""Two campaigns side by side: what differs between them, and what difference it makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.ledger import Ledger
from nas.results.aggregates import learned
from nas.results.campaign_tables import CampaignTables
from nas.schema import Role
from nas.stats.comparison import Difference, paired_difference, unpaired_difference

if TYPE_CHECKING:
    import pandas as pd

SPLIT = ("dataset", "split_seed", "hold_out")
"""Settings that decide which images are whose: pairs must agree on them."""
_OF_THE_RUN = frozenset(
    {"budget_seconds", "trials", "executor", "workers", "gpus", "data_root", "log", "keep_weights"}
)
"""Settings that decide how much is trained, and where."""
PAIRS, ALL, BEST = "pairs", "all", "best"
"""Candidates that both have; all that learned; the best of each by validation."""


@dataclass(frozen=True)
class Comparison:
    """Of two campaigns of one ledger."""

    a: str
    b: str
    differ: tuple[str, ...]
    """One line a setting that differs, as in `recipe.lr: 0.001 against 0.003`."""
    unpaired: str
    """Why no candidates are paired; "" where some are."""
    left_out: tuple[int, int]
    """Replicates that learned, of A and of B: they are not results of further candidates."""
    rows: "pd.DataFrame"
    """`what` was compared: PAIRS, ALL or BEST; `on`: val or test; `a_acc`, `b_acc`: mean accuracies
    in [0, 1]; `difference`: A less B, with `difference_low` and `difference_high`, its 95 %
    interval; `n_a` and `n_b`: of how many candidates."""


def compare(ledger: Ledger, a: str, b: str) -> Comparison:
    """Compares campaigns by their search candidates that learned.

    Candidates are paired that have the same members, settings and replicate, where the data set and
    its split agree. Raises ProblemError where a campaign is not there.
    """
    import pandas as pd

    frames = [CampaignTables(ledger, ledger.campaign(name).name) for name in (a, b)]
    rows = [learned(data) for data in frames]
    split = [{name: getattr(data.config, name) for name in SPLIT} for data in frames]
    pairs = _pairs(*rows)
    why = ""
    if split[0] != split[1]:
        why = "they have different data or another split"
    elif not len(pairs):
        why = "no candidate with the same members, settings and replicate learned in both"
    found = []
    for on, column in (("val", "val_acc"), ("test", "test_acc")):
        if not why:
            both = [pairs[f"{column}_{side}"].to_numpy(float) for side in "ab"]
            difference = paired_difference(both[0], both[1])
            found.append(_row(PAIRS, on, both[0], both[1], difference))
        each = [side[column].dropna().to_numpy(float) for side in rows]
        found.append(_row(ALL, on, each[0], each[1], unpaired_difference(each[0], each[1])))
    best = [side["val_acc"].nlargest(1).to_numpy(float) for side in rows]
    difference = unpaired_difference(best[0], best[1])
    found.append(_row(BEST, "val", best[0], best[1], difference))
    differ = tuple(_differences(*(_settings(data) for data in frames)))
    again = [len(learned(data, Role.REPLICATE)) for data in frames]
    return Comparison(a, b, differ, why, (again[0], again[1]), pd.DataFrame(found))


def _row(what: str, on: str, a: Any, b: Any, found: Difference) -> dict[str, Any]:
    return {
        "what": what,
        "on": on,
        "a_acc": float(np.mean(a)) if len(a) else float("nan"),
        "b_acc": float(np.mean(b)) if len(b) else float("nan"),
        "difference": found.mean,
        "difference_low": found.low,
        "difference_high": found.high,
        "n_a": found.n_a,
        "n_b": found.n_b,
    }


def _pairs(a: "pd.DataFrame", b: "pd.DataFrame") -> "pd.DataFrame":
    """Candidates of both that are the same point and replicate."""
    gates = sorted({name for rows in (a, b) for name in rows.columns if name.startswith("gate_")})
    same = ["members", "replicate", *gates]
    if any(name not in rows.columns for rows in (a, b) for name in gates):
        return a.head(0).merge(b.head(0), on=["members"], suffixes=("_a", "_b"))
    return a.merge(b, on=same, suffixes=("_a", "_b"))


def _settings(data: CampaignTables) -> dict[str, Any]:
    """What may make a difference, by dotted name."""
    space = data.space.model_dump(mode="json", exclude={"description"})
    space["choices"] = {choice["name"]: choice["values"] for choice in space["choices"]}
    config = data.config.model_dump(mode="json", exclude=set(_OF_THE_RUN))
    return dict(_flat({**config, "space": space.pop("name", None), **space}))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", value))
    return found


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {_shown(a.get(name))} against {_shown(b.get(name))}"
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        text = ", ".join(map(_shown, value)) or "none"
        return f"{len(value)} values" if len(text) > 60 else text
    if isinstance(value, Mapping) and "label" in value:  # a variant of an arm
        settings = ", ".join(f"{name}={_shown(v)}" for name, v in value["settings"].items())
        return f"{value['label']}: {settings}" if settings else str(value["label"])
    if isinstance(value, Mapping):  # a member
        args = ", ".join(f"{name}={_shown(given)}" for name, given in value["args"].items())
        return f"{value['model']}({args})" if args else str(value["model"])
    return f"{value:g}" if isinstance(value, float) else str(value)
