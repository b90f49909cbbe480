"""The effects that a campaign of so many trials will be able to detect, before it is run."""

from dataclasses import dataclass

from nas.ledger import Ledger
from nas.ledger.summary import summary
from nas.results.campaign_data import CampaignData
from nas.sample import make_sampler
from nas.schema import Record, Space
from nas.stats import Detectable, Observations, detectable, family_effects

DRAWN = 3000
"""Draws that are made to see what a design tells; beyond, errors shrink as 1/√n."""


@dataclass(frozen=True)
class Measured:
    """What an earlier campaign was like."""

    campaign: str
    noise: float
    """Standard deviation of accuracy that the families do not explain; NaN if it cannot be
    estimated."""
    success_rate: float
    learned_rate: float
    """Of its runs that can be compared, those that did not collapse."""
    seconds: float
    """Of the budget, for each candidate drawn, controls and all."""


def measured(ledger: Ledger, campaign: str | None) -> Measured | None:
    """From a campaign, the latest by default; None if it has not finished a candidate."""
    campaign_summary = summary(ledger, campaign)
    if campaign_summary.per_hour is None or campaign_summary.success_rate is None:
        return None
    observed = CampaignData(ledger, campaign_summary.campaign).observed
    noise = family_effects(observed.observations).noise
    learned = len(observed.observations.value) / observed.runs if observed.runs else 1.0
    return Measured(
        campaign_summary.campaign,
        noise,
        campaign_summary.success_rate,
        learned,
        3600 / campaign_summary.per_hour,
    )


def plan(space: Space, trials: int, *, success_rate: float = 1.0, seed: int = 0) -> Detectable:
    """What `trials` stratified draws can detect, in units of the noise; some of them fail."""
    sampler = make_sampler("stratified", space, seed)
    wanted = max(1, round(trials * success_rate))
    records: list[Record] = []
    while len(records) < min(wanted, DRAWN):
        point = sampler.propose(records)
        if point is None:
            wanted = len(records)
            break
        records.append(Record(len(records), point))
    drawn = [record.assignment for record in records]
    found = detectable(Observations.of(space.families, drawn, [0.0] * len(drawn)))
    shrink = (len(drawn) / wanted) ** 0.5 if wanted else 1.0
    return Detectable(
        wanted, found.family * shrink, found.pair * shrink, found.together / (shrink**2 or 1.0)
    )
