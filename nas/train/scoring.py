"""Clean evaluation of a model on a split.

Shapes: B batch, E experts, C classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import Compute
from nas.data.batches import Split
from nas.faults import NonFiniteLossError
from nas.moe import RoutedModel, RoutingMeter, RoutingTotals, as_routed
from nas.schema import Recipe


@dataclass(frozen=True, slots=True)
class Score:
    """Scores on one split. Losses and entropies in nats, the rest in [0, 1]."""

    loss: float
    """Plain cross-entropy, without smoothing."""
    acc: float
    routing: Mapping[str, RoutingTotals] = field(default_factory=dict)
    """By layer that routes; empty for a plain model."""
    expert_accs: tuple[float, ...] = ()
    """Each expert inside the mixture, by its own logits; empty, as what follows is None, where
    experts have none."""
    uniform_acc: float | None = None
    """Of the experts' unweighted mean logits."""
    oracle_acc: float | None = None
    """Share of images that at least one expert classifies correctly."""

    @property
    def gate_entropy(self) -> float | None:
        """Mean over tokens and layers of the gate's entropy, in nats; None for a plain model."""
        means = [layer.entropy / layer.tokens for layer in self.routing.values()]
        return sum(means) / len(means) if means else None

    @property
    def usage(self) -> tuple[float, ...]:
        """Mean mixing weight of each expert; empty without exactly one layer that routes."""
        if len(self.routing) != 1:
            return ()
        [layer] = self.routing.values()
        return tuple(weight / layer.tokens for weight in layer.weights)


def evaluation_batch(recipe: Recipe, micro_batches: int) -> int:
    """Images of a forward pass that keeps no gradient: twice those of a training piece."""
    return max(2, 2 * recipe.batch_size // micro_batches)


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
    routed, meter = as_routed(model), RoutingMeter()
    totals: list[Tensor] = []
    with torch.inference_mode():
        for x, labels in split.batches(batch_size):
            with compute.autocast():
                images = compute.images(x)
                if routed is None:
                    totals.append(torch.stack(_plain(model(images), labels)))
                else:
                    totals.append(_routed(routed, meter, images, labels))
            tick()
        sums = torch.stack(totals).sum(dim=0).tolist()
    loss, acc, *more = [figure / len(split) for figure in sums]
    if not isfinite(loss):
        raise NonFiniteLossError(f"the evaluation loss is {loss}")
    routing = meter.totals()
    for layer in routing.values():
        if not all(map(isfinite, (layer.entropy, *layer.weights))):
            raise NonFiniteLossError("the gate's weights are not finite in evaluation")
    if not more:
        return Score(loss=loss, acc=acc, routing=routing)
    uniform, oracle, *each = more
    return Score(
        loss=loss,
        acc=acc,
        routing=routing,
        uniform_acc=uniform,
        oracle_acc=oracle,
        expert_accs=tuple(each),
    )


def _routed(model: RoutedModel, meter: RoutingMeter, x: Tensor, labels: Tensor) -> Tensor:
    """Sums over a batch, float64: loss, hits and, where experts have logits, uniform hits, oracle
    hits and E experts' hits. One tensor, so that nothing is read back from the device."""
    out = model(x)
    meter.add(out.layers)
    sums = torch.stack(_plain(out.logits, labels))
    if out.expert_logits is None:
        return sums
    right = out.expert_logits.argmax(dim=2) == labels[:, None]  # (B, E)
    uniform = out.expert_logits.float().mean(dim=1).argmax(dim=1) == labels
    baselines = torch.stack([uniform.sum(), right.any(dim=1).sum()])
    return torch.cat([sums, baselines.double(), right.sum(dim=0).double()])


def _plain(logits: Tensor, labels: Tensor) -> list[Tensor]:
    loss = functional.cross_entropy(logits.float(), labels, reduction="sum")
    return [loss.double(), (logits.argmax(dim=1) == labels).sum().double()]
