"""Scoring a whole space of mixtures in one pass. Shapes: Q mixtures, k experts in each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.experts.averages import oracle, single_scores, uniform
from nas.experts.bank import Bank
from nas.experts.components import ExpertPredictions, load
from nas.experts.fitting import gates, selection
from nas.experts.linear_probe import probes
from nas.experts.mixtures import Mixtures

Floats = NDArray[np.float64]
Watch = Callable[[str, int, int], None]
"""Called with the step, the number done and the total."""


@dataclass(frozen=True)
class ScreenScores:
    """Scores of Q mixtures, best uniform average first; `(Q,)` each, NaN where not fitted.

    Accuracies in [0, 1], losses in nats, seconds of one image where the experts were trained.
    """

    members: NDArray[np.int64]
    """`(Q, k)`."""
    columns: dict[str, Floats]
    total: int


def screen(
    experts: ExpertPredictions,
    sets: Mixtures,
    *,
    top: int,
    seed: int = 0,
    watch: Watch = lambda *_: None,
) -> ScreenScores:
    """Scores every mixture; fits probes, weights and gates for the `top` by uniform average.

    `seed`: of the gates' initial weights and batches; `watch`: see `Watch`."""
    val, labels = experts.logits["val"], experts.labels["val"]
    count = len(sets.members)
    right, loss = uniform(val, labels, sets.members, lambda n: watch("averages", n, count))
    order = np.lexsort((loss, -right))
    members, right, loss = sets.members[order], right[order], loss[order]
    own = single_scores(val, labels)
    columns = {
        "uniform": right,
        "uniform_loss": loss,
        "oracle": oracle(val, labels, members),
        "best_member": own[members].max(axis=1),
        "params": np.array([e.params for e in experts.entries], dtype=float)[members].sum(axis=1),
        "latency": experts.seconds(members),
    }
    for name, values in fits(experts, members[:top], seed=seed, watch=watch).items():
        columns[name] = np.concatenate([values, np.full(count - len(values), np.nan)])
    return ScreenScores(members, columns, sets.total)


def fits(
    experts: ExpertPredictions,
    members: NDArray[np.int64],
    *,
    seed: int,
    watch: Watch = lambda *_: None,
) -> dict[str, Floats]:
    """The fitted scores of mixtures `(q, k)`, and their test accuracy: columns `(q,)`. A mixture's
    scores do not depend on the others."""
    count = len(members)
    fitted = {
        "probe": probes(experts, members, lambda n: watch("probes", n, count)),
        "static": selection(experts, members, lambda n: watch("static weights", n, count)),
        "gate": gates(experts, members, seed=seed, watch=lambda n: watch("gates", n, count)),
    }
    columns = {}
    for name, scores in fitted.items():
        columns[name] = scores.val
        columns[f"{name}_loss"] = scores.val_loss
        columns[f"{name}_test"] = scores.test
    return columns | {"uniform_test": _tests(experts, members)}


def fits_of(
    folder: Path, keys: Sequence[str], mixtures: Sequence[tuple[str, str]], seed: int
) -> dict[str, list[float]]:
    """`fits` of mixtures that are named by families and members (`a+b`, `a_s+b_s`), of the experts
    that stand under `keys` in a bank. Raises BankError where they cannot be read."""
    bank = Bank(folder)
    experts = load(bank, [bank.entry(key) for key in keys])
    place = {(entry.family, entry.model): at for at, entry in enumerate(experts.entries)}
    members = [
        sorted(place[pick] for pick in zip(families.split("+"), models.split("+"), strict=True))
        for families, models in mixtures
    ]
    found = fits(experts, np.array(members, dtype=np.int64), seed=seed)
    return {name: values.tolist() for name, values in found.items()}


def _tests(experts: ExpertPredictions, members: NDArray[np.int64]) -> Floats:
    """Test accuracy of averages, for reports only, not for selection."""
    order = np.lexsort(members.T[::-1])
    found = np.full(len(members), np.nan)
    found[order] = uniform(experts.logits["test"], experts.labels["test"], members[order])[0]
    return found
