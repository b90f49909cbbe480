"""A rendered network that routes, read through one interface. Shapes: B batch, E experts,
C classes."""

from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from nas.moe.routing import Routing


@dataclass(frozen=True, slots=True)
class RoutedOutput:
    """What a network computed for a batch."""

    logits: Tensor
    """`(B, C)`."""
    layers: tuple[Routing, ...]
    """One per layer that routes."""
    expert_logits: Tensor | None = None
    """`(B, E, C)`: each expert's own logits, if its only layer mixes such."""


class RoutedModel:
    """A model with `routed(x)` (`templates/_routing.py.j2`) or `mixture(x)`
    (`templates/_mixture.py.j2`), which is one layer named `gate`."""

    def __init__(self, model: nn.Module) -> None:
        self._model = cast(Any, model)
        self._routes = _has(model, "routed")

    def __call__(self, x: Tensor) -> RoutedOutput:
        """Images `(B, channels, H, W)` through the network, every decision recorded."""
        if self._routes:
            out = self._model.routed(x)
            layers = tuple(map(Routing.of, out.layers))
            return RoutedOutput(out.logits, layers, out.expert_logits)
        out = self._model.mixture(x)
        layer = Routing.dense("gate", out.gate_logits, out.probs, out.weights)
        return RoutedOutput(out.logits, (layer,), out.expert_logits)

    @property
    def gate(self) -> list[nn.Module]:
        """The modules that decide."""
        if self._routes:
            return list(self._model.parts()["gate"])
        return [self._model.gate]

    @property
    def experts(self) -> list[nn.Module]:
        """Each layer's module that computes all its experts; empty if it is not said, and for a
        mixture."""
        return list(self._model.parts().get("experts", ())) if self._routes else []

    @property
    def networks(self) -> list[nn.Module]:
        """The experts of a mixture, each a network for images; empty for other models."""
        return [] if self._routes else list(self._model.experts)

    @property
    def temperature(self) -> Tensor | None:
        """The scalar temperature, where the network has one."""
        found = getattr(self._model, "temperature", None)
        if found is None and len(self.gate) == 1:
            found = getattr(self.gate[0], "temperature", None)
        return found

    @property
    def expert_names(self) -> list[tuple[str, str]]:
        """(family, timm model) of each expert, or two names of the template's choice; empty where
        experts have no logits of their own."""
        return list(getattr(self._model, "expert_names", ()))

    @property
    def class_domain(self) -> Tensor | None:
        """int64 `(C,)`: each class's domain, the number from 0 of the expert that is meant for it,
        or −1 where none is; None for a network without such a buffer."""
        found = getattr(self._model, "class_domain", None)
        return found if isinstance(found, Tensor) else None


def as_routed(model: nn.Module) -> RoutedModel | None:
    """The model as one that routes; None for a plain model, such as a control."""
    return RoutedModel(model) if _has(model, "routed") or _has(model, "mixture") else None


def _has(model: nn.Module, name: str) -> bool:
    return callable(getattr(model, name, None))
