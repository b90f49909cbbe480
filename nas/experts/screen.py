"""Scoring a whole space of mixtures in one pass. Shapes: Q mixtures, k experts in each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.experts.averages import oracle, single_scores, uniform
from nas.experts.components import ExpertPredictions
from nas.experts.fitting import gates, selection
from nas.experts.linear_probe import probes
from nas.experts.mixtures import Mixtures

Floats = NDArray[np.float64]
Watch = Callable[[str, int, int], None]
"""Told what is being done, how many are, and of how many."""


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

    `seed`: of the gates' first weights and batches; `watch`: called with what is being done, how
    many are done, and of how many."""
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
    chosen = members[:top]
    fits = {
        "probe": probes(experts, chosen, lambda n: watch("probes", n, len(chosen))),
        "static": selection(experts, chosen, lambda n: watch("static weights", n, len(chosen))),
        "gate": gates(experts, chosen, seed=seed, watch=lambda n: watch("gates", n, len(chosen))),
    }
    for name, fitted in fits.items():
        for suffix, values in (
            ("", fitted.val),
            ("_loss", fitted.val_loss),
            ("_test", fitted.test),
        ):
            columns[name + suffix] = np.concatenate([values, np.full(count - len(values), np.nan)])
    columns["uniform_test"] = _tests(experts, chosen, count)
    return ScreenScores(members, columns, sets.total)


def _tests(experts: ExpertPredictions, chosen: NDArray[np.int64], count: int) -> Floats:
    """Test accuracy of the averages that were chosen: to be reported, not to choose by."""
    order = np.lexsort(chosen.T[::-1])
    found = np.full(count, np.nan)
    found[order] = uniform(experts.logits["test"], experts.labels["test"], chosen[order])[0]
    return found
