"""The user's constraints on draws: dropped and preferred families."""

from collections.abc import Iterable, Mapping

from nas.registry import SAMPLERS
from nas.sample import sampler_class
from nas.schema import (
    CampaignConfig,
    DrawConstraints,
    MemberProfile,
    ProblemError,
    Space,
    UsageError,
    did_you_mean,
)


def check_constraints(space: Space, config: CampaignConfig) -> None:
    """Raises ProblemError if --prefer and --drop cannot be applied."""
    for option, families in (("--drop", config.drop), ("--prefer", config.prefer)):
        for family in families:
            if family not in space.families:
                raise UsageError(
                    f"{space.name} has no family {family!r}",
                    where=option,
                    fix=did_you_mean(family, space.families),
                )
    if both := sorted(set(config.drop) & set(config.prefer)):
        raise UsageError(f"{both[0]} is both dropped and preferred", fix="choose one")
    check_enough(space, config)
    if config.prefer and not sampler_class(config.sampler).can_prefer:
        able = ", ".join(name for name in SAMPLERS.names() if sampler_class(name).can_prefer)
        raise UsageError(
            f"the sampler {config.sampler} cannot prefer families",
            where="--prefer",
            fix=f"use --sampler {able}, or --drop the others",
        )


def check_enough(space: Space, config: CampaignConfig) -> None:
    """Raises ProblemError if fewer families are left than a candidate has experts."""
    left = set(space.families) - set(config.drop)
    if len(left) < space.k:
        few = f"{len(left)} families would be left for {space.k} experts"
        if space.arms:
            few = "no arm would be left"
        if config.drop:
            raise UsageError(few, where="--drop", fix="drop fewer")
        raise ProblemError(few, where=f"space {space.name}", fix="give it more families")


def constraints_of(
    config: CampaignConfig,
    profiles: Mapping[str, MemberProfile],
    without_expert: Iterable[str] = (),
) -> DrawConstraints:
    """The constraints on draws now; `without_expert`: models that the bank has no expert of."""
    failing = {model for model, profile in profiles.items() if not profile.ok}
    return DrawConstraints(
        drop=tuple(sorted(config.drop)),
        prefer=tuple(sorted(config.prefer)),
        left_out=tuple(sorted(failing.union(without_expert))),
    )
