"""The auxiliary losses of a recipe, on what a mixture computed."""

import torch
from torch import Tensor

from nas.moe import Routing, loss
from nas.schema import Recipe
from nas.train.mixture import MixtureOutput

BALANCE = "balance"
"""The loss whose weight is the recipe's `balance_weight`, and which is recorded by itself."""


def routing_of(out: MixtureOutput) -> Routing:
    """What the gate decided, in fp32."""
    return Routing(weights=out.weights.float(), probs=out.probs.float())


class AuxiliaryLosses:
    """What training adds to the cross-entropy of a mixture's logits."""

    def __init__(self, recipe: Recipe) -> None:
        """Raises UsageError for a loss that is not known here."""
        weights = {BALANCE: recipe.balance_weight, **recipe.losses}
        self._terms = {name: (loss(name), weight) for name, weight in weights.items()}

    def __call__(self, out: MixtureOutput) -> tuple[Tensor, Tensor]:
        """All of them, weighted and added up, and the balance loss, unweighted: scalars."""
        routing = routing_of(out)
        values = {name: loss(routing) for name, (loss, _) in self._terms.items()}
        weighted = [self._terms[name][1] * value for name, value in values.items()]
        return torch.stack(weighted).sum(), values[BALANCE]
