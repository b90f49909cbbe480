"""A trained model's predictions for every image of a split, stored in the bank.

Shapes: N images, B batch, C classes, F features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.compute import Compute
from nas.data.batches import Split


@dataclass(frozen=True, slots=True)
class Predictions:
    """One model's predictions on one split, in the split's order, on the CPU."""

    logits: Tensor
    """float32 `(N, C)`."""
    labels: Tensor
    """int64 `(N,)`."""
    features: Tensor | None
    """float16 `(N, F)`: the input of its classifier; None for a model that names no classifier."""


def predict(
    model: nn.Module,
    split: Split,
    batch_size: int,
    *,
    compute: Compute,
    tick: Callable[[], None] = lambda: None,
) -> Predictions:
    """Runs a model once over a split, without augmentation; leaves it in evaluation mode.

    Features are the input of the module that timm's `get_classifier()` names, averaged over
    positions where it has any. `tick` is called after each batch and may raise to stop.
    """
    model.eval()
    logits, labels = [], []
    with torch.inference_mode(), _Pooled(model) as pooled:
        for x, y in split.batches(batch_size):
            with compute.autocast():
                logits.append(model(compute.images(x)).float().cpu())
            labels.append(y.cpu())
            tick()
    return Predictions(torch.cat(logits), torch.cat(labels), pooled.features)


class _Pooled:
    """Records the input of a model's classifier."""

    def __init__(self, model: nn.Module) -> None:
        named = getattr(model, "get_classifier", None)
        found = named() if named else None
        if isinstance(found, (tuple, list)):  # distilled models have two: the first is theirs
            found = found[0]
        self._classifier = found if isinstance(found, nn.Module) else None
        self._seen: list[Tensor] = []

    def __enter__(self) -> "_Pooled":
        if self._classifier is not None:
            self._hook = self._classifier.register_forward_pre_hook(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        if self._classifier is not None:
            self._hook.remove()

    def _listen(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].float()
        while x.ndim > 2:
            x = x.mean(dim=-1)
        self._seen.append(x.half().cpu())

    @property
    def features(self) -> Tensor | None:
        return torch.cat(self._seen) if self._seen else None
