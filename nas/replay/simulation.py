"""A simulated campaign, and the figures computed from it.

Symbols: T trained candidates, F = 29 families.
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
    """`(quartets,)`: which of `published.QUARTETS` contain a family."""
    held: Bools = _HOLDS[:, p.FAMILIES.index(family)]
    return held


@dataclass(frozen=True)
class SimulatedCampaign:
    """One simulated campaign."""

    tried: NDArray[np.intp]
    """`(T,)`: indices into `published.QUARTETS`, in the order of training."""
    ok: Bools
    """`(T,)`: whether each succeeded."""
    verdict: AuditResult
    """Result of nas's audit of the draws."""
    refused: int = 0
    """Candidates refused before any GPU time."""
    blacklisted: int = 0

    @property
    def distinct(self) -> int:
        """How many different quartets were trained."""
        return len(np.unique(self.tried))

    @property
    def wasted(self) -> float:
        """The share of GPU time spent on failures."""
        return float(1 - self.ok.mean())

    @property
    def tries(self) -> float:
        """Failures per quartet that never succeeded; a success is not tried again."""
        return float((~self.ok).sum() / (self.distinct - self.ok.sum()))

    @cached_property
    def successes(self) -> Bools:
        """`(successes, F)`: the families of each success."""
        held: Bools = _HOLDS[self.tried[self.ok]]
        return held

    @property
    def families(self) -> int:
        """Number of families in at least one success."""
        return int(self.successes.any(axis=0).sum())

    @property
    def pairs(self) -> int:
        """Number of pairs of families in at least one success."""
        a, b = np.array(list(combinations(range(len(p.FAMILIES)), 2))).T
        return int((self.successes[:, a] & self.successes[:, b]).any(axis=0).sum())

    @property
    def lopsided(self) -> float:
        """Successes of the most frequent family, divided by those of the median family."""
        counts = self.successes.sum(axis=0)
        return float(counts.max() / np.median(counts))

    def attempts(self, family: str) -> int:
        """Number of trained candidates with a family."""
        return int(holding(family)[self.tried].sum())

    def success(self, family: str) -> float:
        """Success rate of the trained candidates with a family."""
        return float(self.ok[holding(family)[self.tried]].mean())

    def share(self, family: str) -> float:
        """Share of failures that contain a family."""
        return float(holding(family)[self.tried[~self.ok]].mean())
