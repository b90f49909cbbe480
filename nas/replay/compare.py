"""Compares each figure: as published, replayed, and over the same 28 days with nas."""

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
"""Number of replays of the published campaign; each takes a hundredth of a second."""


@dataclass(frozen=True)
class Spread:
    """A figure over simulated campaigns: its mean, and the range of the middle 95 %."""

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
    """One figure with its simulated values; None if a simulation does not give it."""

    figure: Figure
    replayed: Spread | None
    with_nas: Spread | None

    @property
    def off_by(self) -> float | None:
        """Relative difference of the replays' mean from the published figure; None without one."""
        if not self.figure.published or self.replayed is None:
            return None
        return self.replayed.mean / self.figure.published - 1

    @property
    def met(self) -> bool | None:
        """For a check: whether the rounded published figure is in the replays' range; else None."""
        published, unit = self.figure.published, self.figure.unit
        if self.figure.role != "check" or self.replayed is None or published is None:
            return None
        rounding = 0.0005 if unit == "share" else 0.5
        return self.replayed.low - rounding <= published <= self.replayed.high + rounding


@dataclass(frozen=True)
class Comparison:
    """The result of `nas replay`."""

    seed: int
    seeds: int
    rows: tuple[Row, ...]
    audits: tuple[tuple[AuditResult, ...], tuple[AuditResult, ...]]
    """One per replay, and one per campaign with nas."""


def compare(seed: int = 0, seeds: int = 3, trainings: int = p.RUN) -> Comparison:
    """Replays the published campaign REPLAYS times, and simulates `seeds` campaigns with nas; seeds
    count from `seed`.

    `trainings`: nas's GPU time, in candidates; by default that of the published 28 days.
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
