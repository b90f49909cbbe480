"""Figure by figure: published, replayed in the published way, and the same 28 days with nas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.replay import published as p
from nas.replay.airnet import simulate_published
from nas.replay.figures import Figure, Measure, figures
from nas.replay.simulated_nas import simulate_nas
from nas.replay.simulation import SimulatedCampaign
from nas.stats import AuditResult

REPLAYS = 100
"""Replays of the published way: a hundredth of a second each."""


@dataclass(frozen=True)
class Spread:
    """A figure over simulated campaigns: its mean, and the range that 95 % of them lie in."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of one figure a campaign: the mean, the 2.5 % and the 97.5 % quantile."""
        low, high = np.quantile(values, (0.025, 0.975), method="closest_observation")
        return cls(float(np.mean(values)), float(low), float(high))


@dataclass(frozen=True)
class Row:
    """One figure, measured; None where it has none."""

    figure: Figure
    replayed: Spread | None
    with_nas: Spread | None

    @property
    def off_by(self) -> float | None:
        """By what share of the published figure the replays' mean differs from it."""
        if not self.figure.published or self.replayed is None:
            return None
        return self.replayed.mean / self.figure.published - 1

    @property
    def met(self) -> bool | None:
        """Of a check: does the published figure, as it is rounded, lie in the replays' range?"""
        published, unit = self.figure.published, self.figure.unit
        if self.figure.role != "check" or self.replayed is None or published is None:
            return None
        rounding = 0.0005 if unit == "share" else 0.5
        return self.replayed.low - rounding <= published <= self.replayed.high + rounding


@dataclass(frozen=True)
class Comparison:
    """What `nas replay` has to say."""

    seed: int
    seeds: int
    rows: tuple[Row, ...]
    audits: tuple[tuple[AuditResult, ...], tuple[AuditResult, ...]]
    """On every replay, and on every campaign with nas."""


def compare(seed: int = 0, seeds: int = 3, trainings: int = p.RUN) -> Comparison:
    """Replays the published way REPLAYS times and draws `seeds` campaigns with nas, from `seed` on.

    `trainings`: the GPU time nas gets, in candidates; by default that of the published 28 days.
    """
    there = [simulate_published(seed + n) for n in range(REPLAYS)]
    here = [simulate_nas(seed + n, trainings) for n in range(seeds)]
    rows = tuple(
        Row(figure, _spread(figure.replayed, there), _spread(figure.with_nas, here))
        for figure in figures()
    )
    audits = tuple(d.verdict for d in there), tuple(d.verdict for d in here)
    return Comparison(seed, seeds, rows, audits)


def _spread(measure: Measure | None, days: Sequence[SimulatedCampaign]) -> Spread | None:
    return Spread.of([measure(one) for one in days]) if measure else None
