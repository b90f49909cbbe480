"""The interface of trackers, and the values that all of them log under the same names."""

import math
import re
from abc import ABC, abstractmethod

from nas.ledger import LeasedCandidate, Ledger
from nas.schema import Epoch, Outcome, Scalar
from nas.schema.visible import visible

_FIGURES = tuple(
    name for name in Epoch.model_fields if name not in ("epoch", "events", "metrics", "usage")
)
_FINAL = (
    *("val_acc", "val_loss", "test_acc", "uniform_val_acc", "uniform_test_acc"),
    *("oracle_val_acc", "oracle_test_acc", "seconds", "peak_memory_bytes", "params"),
)


class Recorder:
    """Called by the driver after the ledger has stored something. This one, the default, does
    nothing.

    `attempt` is unique in a ledger and belongs to one driver. A candidate that is resumed gets a
    new attempt, so no epoch of an attempt is reported twice.
    """

    def epoch(self, leased: LeasedCandidate, attempt: int, epoch: Epoch) -> None:
        """An attempt at the leased candidate has finished an epoch."""

    def done(self, leased: LeasedCandidate, attempt: int, outcome: Outcome) -> None:
        """An attempt has ended, possibly without an epoch."""

    def close(self) -> None:
        """The driver has ended. Attempts without an outcome belong to other drivers."""


class Tracker(Recorder, ABC):
    """Shows a campaign in another tool. `str()` describes where it writes.

    Its methods are called in a thread of its own (see `BackgroundLogger`), in the ledger's order.
    They may be slow and may raise anything: the first error is printed once, and the campaign
    continues.
    """

    @abstractmethod
    def __init__(self, ledger: Ledger, campaign: str) -> None:
        """Called in the driver's thread; must not connect yet. `campaign` is the name of one in
        `ledger`, which must not be written to."""

    @abstractmethod
    def __str__(self) -> str:
        """For example `TensorBoard: tensorboard --logdir PATH`."""


def title(leased: LeasedCandidate, attempt: int) -> str:
    """`search-00012-3fa9c1d2-31`: role, number, key and attempt; sorts in the order of draws."""
    return f"{leased.role.value}-{leased.number:05d}-{leased.candidate.key[:8]}-{attempt}"


def settings(leased: LeasedCandidate) -> dict[str, Scalar]:
    """Its choices and its arm's settings by name, `gate_<name>`."""
    choices = sorted(leased.candidate.settings.items())
    return {
        f"gate_{_plain(name)}": visible(value) if isinstance(value, str) else value
        for name, value in choices
    }


def figures(leased: LeasedCandidate, epoch: Epoch) -> dict[str, float]:
    """An epoch's values by name, in the ledger's units. The gate weight of an expert is
    `usage/<family>`; a metric is `<split>/<layer>/<name>`, with the number of the expert where
    each has one. Missing and non-finite values are omitted."""
    found = {name: getattr(epoch, name) for name in _FIGURES}
    for metric in epoch.metrics:
        name = "/".join(filter(None, (metric.split, _plain(metric.layer), metric.name)))
        if isinstance(metric.value, tuple):
            found |= {f"{name}/{expert}": value for expert, value in enumerate(metric.value)}
        else:
            found[name] = metric.value
    for family, share in zip(leased.candidate.families, epoch.usage, strict=False):
        found[f"usage/{_plain(family)}"] = share
    return _finite(found)


def results(outcome: Outcome) -> dict[str, float]:
    """An attempt's final values, `final/<name>`, in the ledger's units."""
    return _finite({f"final/{name}": getattr(outcome, name) for name in _FINAL})


def _finite(found: dict[str, float | None]) -> dict[str, float]:
    return {n: float(v) for n, v in found.items() if v is not None and math.isfinite(v)}


def _plain(name: str) -> str:
    """The name with characters that some trackers reject replaced by `_`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)
