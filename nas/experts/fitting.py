"""Mixtures whose weights are fitted on held-out images: static ones, and a gate's.

Thousands are fitted at once, with the same batches, so that a mixture's result does not depend on
the others.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from nas.experts.components import ExpertPredictions
from nas.experts.mixtures import Ints
from nas.experts.scores import SCORED, GateScores, loss_of

Watch = Callable[[int], None]

ROUNDS = 16
"""Experts, with repeats, that a selection is made of: weights are multiples of 1/16."""
HIDDEN = 16
STEPS = 120
BATCH = 1024
RATE = 0.02
RIDGE = 30.0
"""Penalty of gates: half of it for each squared weight, against a sum over held-out images. So few
images leave a gate near even weights, which 216 of them without it did not."""
_CELLS = 1 << 23


def selection(
    experts: ExpertPredictions, members: Ints, watch: Watch = lambda done: None
) -> GateScores:
    """Static weights of the mixtures `members` `(Q, k)` by ensemble selection (Caruana and others
    2004).

    Greedily, with repeats: always the expert whose logits lower the cross-entropy of the sum's mean
    on the held-out images most.
    """
    found = GateScores.of(len(members))
    logits, labels = experts.logits["held"], experts.labels["held"]
    k = members.shape[1]
    room = max(1, _CELLS // (k * logits[0].numel()))
    with torch.inference_mode():
        for start in range(0, len(members), room):
            rows = torch.from_numpy(members[start : start + room])
            weights = _selected(logits[rows], labels) / ROUNDS  # (q, k)
            _score(experts, rows, dict.fromkeys(SCORED, weights[..., None]), found, start)
            watch(start + len(rows))
    return found


def _selected(logits: Tensor, labels: Tensor) -> Tensor:
    """`(q, k, C, N)` → how often each expert is taken, `(q, k)`."""
    q, k = logits.shape[:2]
    taken = torch.zeros(q, k, device=logits.device)
    total = torch.zeros_like(logits[:, 0])
    each = torch.arange(q, device=logits.device)
    for number in range(1, ROUNDS + 1):
        best = torch.stack(
            [loss_of((total + logits[:, e]) / number, labels) for e in range(k)], dim=1
        ).argmin(dim=1)
        taken[each, best] += 1
        total += logits[each, best]
    return taken


def gates(
    experts: ExpertPredictions, members: Ints, *, seed: int = 0, watch: Watch = lambda done: None
) -> GateScores:
    """A gate of one hidden layer for each mixture of `members` `(Q, k)`, on features that all
    share, fitted by Adam (arXiv 1412.6980).

    Weights are softmax(W₂ ReLU(W₁ z + b₁) + b₂) of the image's components z; they begin even. What
    is minimised is the cross-entropy of the weighted sum of logits on the held-out images, and a
    ridge on all weights.
    """
    found = GateScores.of(len(members))
    room = max(1, _CELLS // (members.shape[1] * experts.logits["held"].shape[1] * BATCH))
    for start in range(0, len(members), room):
        rows = torch.from_numpy(members[start : start + room])
        features = experts.features["held"]
        gate = _Gates(len(rows), members.shape[1], features.shape[1], seed, features.device)
        gate.fit(experts, rows, seed)
        with torch.inference_mode():
            weights = {split: gate(experts.features[split]) for split in SCORED}
            _score(experts, rows, weights, found, start)
        watch(start + len(rows))
    return found


class _Gates:
    """q gates, computed together."""

    def __init__(self, q: int, k: int, width: int, seed: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)  # the same start on every device
        first = torch.randn(1, width, HIDDEN, generator=generator).to(device) / width**0.5
        self.first = first.expand(q, -1, -1).clone().requires_grad_()
        self.bias = torch.zeros(q, 1, HIDDEN, device=device, requires_grad=True)
        self.second = torch.zeros(q, HIDDEN, k, device=device, requires_grad=True)
        self.offset = torch.zeros(q, 1, k, device=device, requires_grad=True)

    def __call__(self, features: Tensor) -> Tensor:
        """`(N, D)` → weights `(q, k, N)`."""
        hidden = torch.relu(features @ self.first + self.bias)
        return (hidden @ self.second + self.offset).softmax(dim=2).transpose(1, 2)

    def fit(self, experts: ExpertPredictions, rows: Tensor, seed: int) -> None:
        features, labels = experts.features["held"], experts.labels["held"]
        logits = experts.logits["held"]
        parameters = [self.first, self.bias, self.second, self.offset]
        ridge = RIDGE / len(labels)
        optimizer = torch.optim.Adam(parameters, lr=RATE, weight_decay=ridge)
        generator = torch.Generator().manual_seed(seed)
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = RATE * 0.5 * (1 + np.cos(np.pi * step / STEPS))
            batch = torch.randperm(len(labels), generator=generator)[:BATCH].to(labels.device)
            picked = logits[:, :, batch][rows]  # (q, k, C, B)
            mixed = (self(features[batch])[:, :, None] * picked).sum(dim=1)
            # A sum over gates: each has a gradient of its own loss alone.
            loss = loss_of(mixed, labels[batch]).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def _score(
    experts: ExpertPredictions,
    rows: Tensor,
    weights: Mapping[str, Tensor],
    found: GateScores,
    start: int,
) -> None:
    """Fills in the scores of mixtures `rows` `(q, k)`; `weights` `(q, k, N)` by split."""
    for split in SCORED:
        for at, row in enumerate(rows):  # one at a time: (k, C, N) may be large
            mixed = (weights[split][at][:, None] * experts.logits[split][row]).sum(dim=0)
            found.put(start + at, split, mixed, experts.labels[split])
