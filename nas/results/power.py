"""The statistical power of a campaign, before it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from nas.ledger import Ledger
from nas.ledger.summary import summary
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import sd
from nas.results.campaign_data import CampaignData
from nas.sample import make_sampler
from nas.schema import MemberProfile, ProblemError, Record, Space
from nas.stats import Detectable, Observations, detectable, family_effects
from nas.stats.power import detectable_difference

DRAWN = 3000
"""The largest number of simulated draws; beyond it, errors are scaled by 1/√n."""


@dataclass(frozen=True)
class Measured:
    """Noise, success rate and time of an earlier campaign."""

    campaign: str
    noise: float
    """Residual standard deviation of accuracy, for arms that of one variant's runs; NaN if it
    cannot be estimated."""
    success_rate: float
    learned_rate: float
    """The share of its comparable runs that did not collapse."""
    seconds: float
    """Budget time per drawn candidate, including controls; for arms including its replicates."""

    def trials(self, budget: float) -> int:
        """The number of candidates in a budget of seconds."""
        return max(1, int(budget / self.seconds))


@dataclass(frozen=True)
class ProfiledTime:
    """Training time estimated from profiles: each member's time per image times its images."""

    candidate: float
    """Mean training time of a candidate in seconds, over the space."""
    controls: float
    """Training time of all members alone, in seconds."""
    parallel: int
    """Trials at once."""

    @classmethod
    def of(
        cls, space: Space, profiles: Mapping[str, MemberProfile], images: int, parallel: int
    ) -> "ProfiledTime":
        """From a step's seconds of each member whose profile is sound, and the images of the data
        set: every one of them once an epoch, those of validation too, which cost a third.

        Raises ProblemError where no family has a sound member, or the space has none.
        """
        shown = fmean(space.recipe_values("epochs")) * images
        families: dict[str, list[float]] = {}
        for family, member in space.members:
            profile = profiles[member.model]
            if profile.ok and profile.batch:
                families.setdefault(family, []).append(shown * profile.seconds / profile.batch)
        if not families or space.experts is None:
            raise ProblemError(
                f"no member of {space.name} can be profiled", fix="give --trials or --like"
            )
        of_family = [sum(seconds) / len(seconds) for seconds in families.values()]
        return cls(
            candidate=space.experts.k * sum(of_family) / len(of_family),
            controls=sum(map(sum, families.values())),
            parallel=parallel,
        )

    def trials(self, budget: float) -> int:
        """The number of candidates in a budget of seconds, after the controls."""
        return max(1, int((budget * self.parallel - self.controls) / self.candidate))


def measured(ledger: Ledger, campaign: str | None) -> Measured | None:
    """From a campaign, the latest by default; None if it has not finished a candidate."""
    campaign_summary = summary(ledger, campaign)
    if campaign_summary.per_hour is None or campaign_summary.success_rate is None:
        return None
    data = CampaignData(ledger, campaign_summary.campaign)
    observed = data.observed
    learned = len(observed.observations.value) / observed.runs if observed.runs else 1.0
    noise, seconds = family_effects(observed.observations).noise, 3600 / campaign_summary.per_hour
    if data.space.arms:
        noise = sd("val_acc").of(arm_runs(data))
        ended = campaign_summary.ended_runs
        seconds = campaign_summary.worked_seconds / ended * data.space.replicates
    return Measured(
        campaign_summary.campaign, noise, campaign_summary.success_rate, learned, seconds
    )


@dataclass(frozen=True)
class ArmPower:
    """What a space of arms can tell of an arm, against the reference arm."""

    arm: str
    runs: int
    difference: float
    """The smallest difference that is found with a probability of 80 %, in units of the noise; NaN
    with too few runs."""


def arm_powers(space: Space, replicates: int) -> list[ArmPower]:
    """For each arm but the reference, with all its variants trained so many times."""
    cells = {arm: len(variants) * space.settings for arm, variants in space.arms.items()}
    reference = space.reference or next(iter(space.arms))
    return [
        ArmPower(arm, n * replicates, detectable_difference(n, cells[reference], replicates))
        for arm, n in cells.items()
        if arm != reference
    ]


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
