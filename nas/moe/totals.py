"""Sums over a pass from which every metric of routing follows. E: experts of the layer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoutingTotals:
    """Sums over all tokens that one layer routed in a pass over a split; E numbers in each
    tuple."""

    tokens: int
    entropy: float
    """Of each token's gate probabilities, in nats."""
    probs: tuple[float, ...]
    weights: tuple[float, ...]
    chosen: tuple[float, ...]
    """How many tokens chose each expert, before capacity."""
    kept: tuple[float, ...]
    """How many of them it had room for."""
    slots: int | None = None
    """Places that all experts together were run on; None without such places."""

    @property
    def experts(self) -> int:
        """E."""
        return len(self.kept)

    @property
    def shares(self) -> tuple[float, ...]:
        """Each expert's share of the work: of all kept tokens, or, where every token goes to every
        expert, of the weights. They sum to 1, or are all 0 if nothing was kept."""
        soft = sum(self.chosen) == self.tokens * self.experts
        loads = self.weights if soft else self.kept
        total = sum(loads)
        return tuple(load / total if total else 0.0 for load in loads)
