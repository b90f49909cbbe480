"""Clean evaluation of a model on a split.

Shapes: B batch, E experts, C classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import Compute
from nas.data.batches import Split
from nas.faults import NonFiniteLossError
from nas.moe import all_metrics
from nas.train.auxiliary import routing_of
from nas.train.mixture import as_mixture


@dataclass(frozen=True, slots=True)
class Score:
    """Scores on one split. Losses and entropies in nats, the rest in [0, 1]."""

    loss: float
    """Plain cross-entropy, without smoothing."""
    acc: float
    metrics: dict[str, float] = field(default_factory=dict)
    """Mean over images of every metric of routing, by name; empty without a gate, where those
    below are missing too."""
    usage: tuple[float, ...] = ()
    """Mean mixing weight of each expert."""
    expert_accs: tuple[float, ...] = ()
    """Each expert inside the mixture, by its own logits."""
    uniform_acc: float | None = None
    """Of the experts' unweighted mean logits."""
    oracle_acc: float | None = None
    """Share of images that at least one expert classifies correctly."""

    @property
    def gate_entropy(self) -> float | None:
        """Mean over images of the gate's entropy, in nats."""
        return self.metrics.get("gate_entropy")


def score(
    model: nn.Module,
    split: Split,
    batch_size: int,
    *,
    compute: Compute,
    tick: Callable[[], None] = lambda: None,
) -> Score:
    """Evaluates without augmentation, noise or dropout; leaves the model in evaluation mode.

    `tick` is called after each batch and may raise to stop. Raises NonFiniteLossError.
    """
    model.eval()
    totals: list[Tensor] = []
    with torch.inference_mode():
        for x, labels in split.batches(batch_size):
            with compute.autocast():
                totals.append(_sums(model, compute.images(x), labels))
            tick()
        sums = torch.stack(totals).sum(dim=0).tolist()
    figures = [figure / len(split) for figure in sums]
    loss, acc, *gate = figures
    if not isfinite(loss):
        raise NonFiniteLossError(f"the evaluation loss is {loss}")
    if not all(map(isfinite, gate)):
        raise NonFiniteLossError("the gate's weights are not finite in evaluation")
    if not gate:
        return Score(loss=loss, acc=acc)
    names = tuple(all_metrics())
    uniform, oracle, *each = gate
    values, each = each[: len(names)], each[len(names) :]
    experts = len(each) // 2
    return Score(
        loss=loss,
        acc=acc,
        metrics=dict(zip(names, values, strict=True)),
        uniform_acc=uniform,
        oracle_acc=oracle,
        usage=tuple(each[:experts]),
        expert_accs=tuple(each[experts:]),
    )


def _sums(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Sums over a batch, float64: loss, hits and, of a mixture, uniform hits, oracle hits, each
    metric, E weights, E experts' hits. One tensor, so that nothing is read back from the device.
    """
    mixture = as_mixture(model)
    if mixture is None:
        return torch.stack(_plain(model(x), labels))
    out = mixture.mixture(x)
    routing = routing_of(out)
    right = out.expert_logits.argmax(dim=2) == labels[:, None]  # (B, E)
    uniform = out.expert_logits.float().mean(dim=1).argmax(dim=1) == labels
    sums = [
        *_plain(out.logits, labels),
        uniform.sum().double(),
        right.any(dim=1).sum().double(),
        *(metric(routing).sum().double() for metric in all_metrics().values()),
    ]
    return torch.cat(
        [torch.stack(sums), out.weights.sum(dim=0).double(), right.sum(dim=0).double()]
    )


def _plain(logits: Tensor, labels: Tensor) -> list[Tensor]:
    loss = functional.cross_entropy(logits.float(), labels, reduction="sum")
    return [loss.double(), (logits.argmax(dim=1) == labels).sum().double()]
