"""What a campaign draws from: its usable members, their profiles, its sampler and constraints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nas.campaign.bank import bank_keys_of, models_without_expert, without_members
from nas.campaign.constraints import check_enough, plan_of
from nas.campaign.probing import classes_of, conditions_for, feasible, left_out
from nas.campaign.proposals import Measure, Proposer
from nas.campaign.screen import sampler_of
from nas.ledger import Ledger
from nas.render import render_to_run
from nas.sample import Sampler
from nas.schema import (
    CampaignConfig,
    Candidate,
    DrawConstraints,
    Member,
    MemberProfile,
    ProfileConditions,
    Space,
)

Profile = Callable[[list[Member], ProfileConditions], Mapping[str, MemberProfile]]
"""Profiles members, by model name; one that is missing is taken to be sound."""


@dataclass(frozen=True)
class DrawSetup:
    """All that a Proposer needs, and that does not change while a campaign runs."""

    space: Space
    """Without the members that cannot be used."""
    config: CampaignConfig
    profiles: Mapping[str, MemberProfile]
    num_classes: int
    constraints: DrawConstraints
    sampler: Sampler
    init_keys: Mapping[str, str] | None
    """The bank's key of each model that experts begin as; None if they begin from nothing."""
    not_in_bank: tuple[str, ...]
    """Members left out because the campaign's bank has no expert of them."""

    @classmethod
    def of(
        cls,
        ledger: Ledger | None,
        space: Space,
        config: CampaignConfig,
        profile: Profile,
        say: Callable[[str], None],
    ) -> "DrawSetup":
        """Leaves out the members that fail their profile, which `say` is told.

        Raises ProblemError if too few families are left.
        """
        classes = classes_of(config)
        keys = bank_keys_of(ledger, space, config) if ledger else None
        missing = () if keys is None else models_without_expert(space, keys)
        banked = without_members(space, missing)
        under = conditions_for(space, config, classes)
        profiles = profile([member for _, member in banked.members], under)
        usable = feasible(banked, profiles)
        check_enough(usable, config)
        for line in left_out(profiles):
            say(line)
        return cls(
            usable,
            config,
            profiles,
            classes,
            plan_of(config, profiles, missing),
            sampler_of(ledger, usable, config),
            keys,
            missing,
        )

    def proposer(
        self, phase: int, measure: Measure, write: Callable[[Candidate], str] = render_to_run
    ) -> Proposer:
        """Draws from it in a phase with these constraints; for the rest see Proposer."""
        return Proposer(
            self.space,
            self.config.task,
            self.sampler,
            self.profiles,
            num_classes=self.num_classes,
            bench_after=self.config.bench_after,
            plan=self.constraints,
            phase=phase,
            replicate=self.config.replicate,
            init_from=self.init_keys,
            measure=measure,
            write=write,
        )
