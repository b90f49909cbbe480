"""The auxiliary losses of a recipe, from the decisions of a network's layers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nas.moe import Routing, loss
from nas.schema import Recipe
from nas.schema.ramp import value_at

BALANCE = "balance"
"""The loss whose weight is the recipe's `balance_weight`."""


class AuxiliaryLosses:
    """The terms that training adds to the cross-entropy of a network that routes."""

    def __init__(self, recipe: Recipe) -> None:
        """Raises UsageError for an unknown loss."""
        self._weights = {BALANCE: recipe.balance_weight, **recipe.losses}
        self._losses = {name: loss(name) for name in self._weights}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all losses, in the order of their values."""
        return tuple(self._losses)

    def __call__(self, layers: Sequence[Routing], share: float) -> tuple[Tensor, Tensor]:
        """All layers' losses, weighted and added up, a scalar; and each loss's mean over layers,
        unweighted and without gradient, `(losses,)`. `share`: of training, in [0, 1]."""
        values = [
            torch.stack([loss(layer) for layer in layers]).sum() for loss in self._losses.values()
        ]
        weights = [value_at(weight, share) for weight in self._weights.values()]
        weighted = [weight * value for weight, value in zip(weights, values, strict=True)]
        return torch.stack(weighted).sum(), torch.stack(values).detach() / len(layers)
