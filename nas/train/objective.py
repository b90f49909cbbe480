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
    """The terms that training adds to the cross-entropy of a network that routes: the balance loss,
    and those with a weight. A constant weight of 0 is no loss."""

    def __init__(self, recipe: Recipe) -> None:
        """Raises UsageError for an unknown loss."""
        self._weights = {BALANCE: recipe.balance_weight, **recipe.weighted_losses}
        self._losses = {name: loss(name) for name in self._weights}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all losses, in the order of their values."""
        return tuple(self._losses)

    def __call__(self, layers: Sequence[Routing], share: float) -> tuple[Tensor, Tensor]:
        """All layers' losses, weighted and added up, a scalar; and each loss's mean over layers,
        unweighted and without gradient, `(losses,)`. `share`: of training, in [0, 1]."""
        total = layers[0].probs.new_zeros(())
        values = []
        for name, of_layer in self._losses.items():
            weight = value_at(self._weights[name], share)
            # Without a weight it is measured alone: 0 times a gradient that overflows is NaN.
            with torch.set_grad_enabled(weight > 0):
                value = torch.stack([of_layer(layer) for layer in layers]).sum()
            if weight > 0:
                total = total + weight * value
            values.append(value.detach() / len(layers))
        return total, torch.stack(values)
