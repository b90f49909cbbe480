"""The interface of a rendered mixture. Shapes: B batch, E experts, C classes."""

from typing import Protocol, cast

from torch import Tensor, nn


class MixtureOutput(Protocol):
    """A mixture's output for a batch, with every expert on every image."""

    @property
    def logits(self) -> Tensor:
        """`(B, C)`."""

    @property
    def weights(self) -> Tensor:
        """`(B, E)` mixing weights."""

    @property
    def probs(self) -> Tensor:
        """`(B, E)` the gate's full softmax."""

    @property
    def expert_logits(self) -> Tensor:
        """`(B, E, C)`."""


class Mixture(Protocol):
    """A rendered model with a gate, besides being an nn.Module."""

    experts: nn.ModuleList
    expert_names: list[tuple[str, str]]
    """(family, timm model) of each expert; of others two names of the template's choice."""
    gate: nn.Module

    def mixture(self, x: Tensor) -> MixtureOutput:
        """Images `(B, channels, H, W)` through the gate and all experts."""


def as_mixture(model: nn.Module) -> Mixture | None:
    """The model as a mixture; None for a plain model, such as a control."""
    return cast(Mixture, model) if callable(getattr(model, "mixture", None)) else None
