"""The same days with nas, and the audit on both."""

from collections import Counter

import pytest

from nas.replay import published, simulate_nas, simulate_published
from nas.replay.simulated_nas import CONTROLS
from nas.stats import Audit, Draw


@pytest.mark.parametrize("seed", range(3))
def test_a_short_campaign_with_nas(seed: int) -> None:
    days = simulate_nas(seed, trainings=429)
    assert len(days.tried) == 429 - CONTROLS == days.distinct
    assert days.refused == 6  # then FractalNet is benched
    assert days.attempts(published.HEAVY) == 0
    assert days.tries == 1
    counts = Counter(f for place in days.tried for f in published.QUARTETS[place])
    assert len(counts) == 28
    # The sampler keeps draws level; the six refused ones had three partners each.
    assert max(counts.values()) - min(counts.values()) <= 3
    assert days.verdict.verdict == "adaptive"
    assert "FractalNet is benched" in days.verdict.why


@pytest.mark.parametrize("seed", range(20))
def test_the_published_draw_is_flagged_by_the_16th_candidate(seed: int) -> None:
    verdict = simulate_published(seed).verdict
    assert verdict.verdict == "biased"
    assert verdict.flagged_at is not None
    assert verdict.flagged_at <= 16
    assert "AirNet" in verdict.why


def test_skipping_what_does_not_build_is_not_what_is_flagged() -> None:
    """The walk over all quartets, collisions too, is as plainly biased."""
    audit = Audit(published.SPACE)
    audit.add(Draw(published.assignment(place)) for place in range(16))
    assert audit.verdict.verdict == "biased"
