"""The auxiliary losses of a recipe, from a mixture's routing."""

import torch
from torch import Tensor

from nas.moe import Routing, loss
from nas.schema import Recipe
from nas.train.mixture import MixtureOutput

BALANCE = "balance"
"""The loss whose weight is the recipe's `balance_weight`, and which is recorded by itself."""


def routing_of(out: MixtureOutput) -> Routing:
    """The gate's routing, in fp32."""
    return Routing(weights=out.weights.float(), probs=out.probs.float())


class AuxiliaryLosses:
    """The terms that training adds to the cross-entropy of a mixture."""

    def __init__(self, recipe: Recipe) -> None:
        """Raises UsageError for an unknown loss."""
        weights = {BALANCE: recipe.balance_weight, **recipe.losses}
        self._terms = {name: (loss(name), weight) for name, weight in weights.items()}

    def __call__(self, out: MixtureOutput) -> tuple[Tensor, Tensor]:
        """All of them, weighted and added up, and the balance loss, unweighted: scalars."""
        routing = routing_of(out)
        values = {name: loss(routing) for name, (loss, _) in self._terms.items()}
        weighted = [self._terms[name][1] * value for name, value in values.items()]
        return torch.stack(weighted).sum(), values[BALANCE]
