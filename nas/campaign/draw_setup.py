"""What a campaign draws from: its usable members, their profiles, its sampler and constraints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nas.campaign.bank import bank_keys_of, models_without_expert, without_members
from nas.campaign.constraints import check_enough, constraints_of
from nas.campaign.profiling import classes_of, conditions_for, failed_lines, feasible
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
"""Profiles members under conditions; returns profiles by model name. A missing one counts as ok."""


@dataclass(frozen=True)
class DrawSetup:
    """What a Proposer needs and what is constant while a campaign runs."""

    space: Space
    """The campaign's space without its unusable members."""
    config: CampaignConfig
    profiles: Mapping[str, MemberProfile]
    num_classes: int
    constraints: DrawConstraints
    sampler: Sampler
    init_keys: Mapping[str, str] | None
    """By model, the key of the bank's expert that training starts from; None without a bank."""
    not_in_bank: tuple[str, ...]
    """Models that are not drawn because the campaign's bank has no expert of them."""

    @classmethod
    def of(
        cls,
        ledger: Ledger | None,
        space: Space,
        config: CampaignConfig,
        profile: Profile,
        on_message: Callable[[str], None],
    ) -> "DrawSetup":
        """Profiles the members of a space and excludes those that fail, with a message for each.

        Raises ProblemError if too few families are left.
        """
        classes = classes_of(config)
        keys = bank_keys_of(ledger, space, config) if ledger else None
        missing = () if keys is None else models_without_expert(space, keys)
        banked = without_members(space, missing)
        conditions = conditions_for(space, config, classes)
        profiles = profile([member for _, member in banked.members], conditions)
        usable = feasible(banked, profiles)
        check_enough(usable, config)
        for line in failed_lines(profiles):
            on_message(line)
        return cls(
            space=usable,
            config=config,
            profiles=profiles,
            num_classes=classes,
            constraints=constraints_of(config, profiles, missing),
            sampler=sampler_of(ledger, usable, config),
            init_keys=keys,
            not_in_bank=missing,
        )

    def proposer(
        self, phase: int, measure: Measure, write: Callable[[Candidate], str] = render_to_run
    ) -> Proposer:
        """A Proposer for the phase with this number; `measure` and `write` as in Proposer."""
        return Proposer(
            self.space,
            self.config.task,
            self.sampler,
            self.profiles,
            num_classes=self.num_classes,
            bench_after=self.config.bench_after,
            constraints=self.constraints,
            phase=phase,
            replicate=self.config.replicate,
            init_from=self.init_keys,
            measure=measure,
            write=write,
        )
