"""28 simulated days, and what can be counted in them.

Symbols: T candidates trained, F = 29 families.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nas.replay import published as p
from nas.stats import AuditResult

Bools = NDArray[np.bool_]

_HOLDS: Bools = np.array([[family in q for family in p.FAMILIES] for q in p.QUARTETS])
"""(quartets, F)"""


def holding(family: str) -> Bools:
    """`(quartets,)`: which of `published.QUARTETS` hold a family."""
    held: Bools = _HOLDS[:, p.FAMILIES.index(family)]
    return held


@dataclass(frozen=True)
class SimulatedCampaign:
    """One simulated campaign."""

    tried: NDArray[np.intp]
    """`(T,)`: places in `published.QUARTETS`, in the order of training."""
    ok: Bools
    """`(T,)`"""
    verdict: AuditResult
    """Of nas's audit on the draws."""
    refused: int = 0
    """Candidates that took no GPU time."""
    blacklisted: int = 0

    @property
    def distinct(self) -> int:
        """How many different quartets were trained."""
        return len(np.unique(self.tried))

    @property
    def wasted(self) -> float:
        """The share of GPU time that went into failures."""
        return float(1 - self.ok.mean())

    @property
    def tries(self) -> float:
        """Failures for each quartet that never succeeded; what succeeds is not tried again."""
        return float((~self.ok).sum() / (self.distinct - self.ok.sum()))

    @cached_property
    def successes(self) -> Bools:
        """`(successes, F)`: which families each held."""
        held: Bools = _HOLDS[self.tried[self.ok]]
        return held

    @property
    def families(self) -> int:
        """How many stand in a success."""
        return int(self.successes.any(axis=0).sum())

    @property
    def pairs(self) -> int:
        """How many pairs of families stand in a success."""
        a, b = np.array(list(combinations(range(len(p.FAMILIES)), 2))).T
        return int((self.successes[:, a] & self.successes[:, b]).any(axis=0).sum())

    @property
    def lopsided(self) -> float:
        """Successes of the family that has most, for one of the median family."""
        counts = self.successes.sum(axis=0)
        return float(counts.max() / np.median(counts))

    def attempts(self, family: str) -> int:
        """How many candidates held a family."""
        return int(holding(family)[self.tried].sum())

    def success(self, family: str) -> float:
        """The share of those that ended well."""
        return float(self.ok[holding(family)[self.tried]].mean())

    def share(self, family: str) -> float:
        """The share of failures that held a family."""
        return float(holding(family)[self.tried[~self.ok]].mean())
