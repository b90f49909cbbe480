"""Linear probes: a mixture's average plus a linear map of its experts' features.

Fine-tuning begins at the average and moves every expert; to first order, and of the last layers
alone, that is logistic regression on the pooled features of all experts with the average as offset.
A ridge keeps it as near to the average as a short fine-tuning stays.

Shapes: q mixtures, k experts, V components of each, N images, C classes; D = kV.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from nas.experts.components import ExpertPredictions
from nas.experts.mixtures import Ints
from nas.experts.scores import SCORED, GateScores

Watch = Callable[[int], None]

RIDGE = 3.0
"""Penalty: half of it for each squared coefficient, against a sum over held-out images. Chosen, as
COMPONENTS and that of gates, on two banks of noisy digits that none of the published figures is
from."""
STEPS = 5
_CELLS = 1 << 24


def probes(
    experts: ExpertPredictions, members: Ints, watch: Watch = lambda done: None
) -> GateScores:
    """Probes of the mixtures `members` `(Q, k)`, fitted on the held-out images by STEPS steps from
    the average.

    What is minimised is Σ cross-entropy(average + zβ) + RIDGE/2 ‖β‖². A step solves with the bound
    ½ zᵀz of the Hessian (Böhning 1992), so that it never overshoots.
    """
    found = GateScores.of(len(members))
    k = members.shape[1]
    held = experts.views["held"][0].numel() + experts.logits["held"][0].numel()
    room = max(1, _CELLS // (k * held))
    with torch.inference_mode():
        for start in range(0, len(members), room):
            rows = torch.from_numpy(members[start : start + room])
            coefficients = fit(
                _joined(experts.views["held"][rows]),
                experts.logits["held"][rows].mean(dim=1).transpose(1, 2),
                experts.labels["held"],
            )
            for split in SCORED:
                labels = experts.labels[split]
                for at, row in enumerate(rows):  # one at a time: (N, D) may be large
                    seen = _joined(experts.views[split][row][None])[0]
                    logits = experts.logits[split][row].mean(dim=0) + (seen @ coefficients[at]).T
                    found.put(start + at, split, logits, labels)
            watch(start + len(rows))
    return found


def fit(seen: Tensor, offset: Tensor, labels: Tensor) -> Tensor:
    """Coefficients `(q, D, C)`, from features `(q, N, D)`, averages `(q, N, C)`, labels `(N,)`."""
    truth = functional.one_hot(labels, offset.shape[2]).to(offset.dtype)
    turned = seen.transpose(1, 2)
    ridge = RIDGE * torch.eye(seen.shape[2], device=seen.device)
    root = torch.linalg.cholesky(0.5 * turned @ seen + ridge)
    found = torch.zeros(len(seen), seen.shape[2], offset.shape[2], device=seen.device)
    for _ in range(STEPS):
        wrong = truth - (offset + seen @ found).softmax(dim=2)
        found += torch.cholesky_solve(turned @ wrong - RIDGE * found, root)
    return found


def _joined(views: Tensor) -> Tensor:
    """`(q, k, N, V)` → `(q, N, kV)`."""
    return views.transpose(1, 2).flatten(2)
