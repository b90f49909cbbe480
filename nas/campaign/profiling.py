"""Profiles every member that a campaign may draw: once, cached in the ledger."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import cast

from nas.campaign.backoff import GIVE_UP_SECONDS, delays
from nas.data import num_classes
from nas.execute import GpuSandbox
from nas.hardware import settled_precision
from nas.ledger import Ledger, profile_digest
from nas.measure import Crowded, meta_cost
from nas.measure import conditions as profile_conditions
from nas.processes import Answer, Sandbox
from nas.schema import CampaignConfig, Member, MemberProfile, ProblemError, ProfileConditions, Space

PROFILE = "nas.measure.profile:profile_member_or_crowded"
"""Imported only in the process that runs it, because it needs torch."""
PROFILE_SECONDS = 300.0
"""How long one member's profile may take before its process is killed."""

Watch = Callable[[int, int, MemberProfile], None]
"""Called after each profile with (done, total, profile)."""


def conditions_for(space: Space, config: CampaignConfig, classes: int) -> ProfileConditions:
    """The conditions under which a campaign profiles its members. Of several precisions that is
    fp32 if it may be drawn, which needs the most memory."""
    wanted = space.recipe_values("precision")
    precision, _ = settled_precision("fp32" if "fp32" in wanted else wanted[0], config.gpus)
    return profile_conditions(space.image_size, space.channels, classes, config.device, precision)


def profile_members(
    ledger: Ledger | None,
    members: list[Member],
    conditions: ProfileConditions,
    *,
    gpus: int = 0,
    watch: Watch = lambda done, total, profile: None,
    on_message: Callable[[str], None] = lambda line: None,
    sandbox: Sandbox | None = None,
) -> dict[str, MemberProfile]:
    """A profile of each member under the given conditions, by model name.

    It comes from the ledger's cache, or is measured now in a child process that may be killed, on
    a GPU that works and has free memory if there are any `gpus`. Without GPUs the `sandbox` is
    used if one is given, and it stays open.

    If memory runs out, CUDA fails, or the process dies or hangs, the member is profiled once more
    in a new process. A second failure counts for now but is not cached. Memory that other programs
    hold is waited for, with a message through `on_message`; ProblemError if that takes too long.
    """
    cached = ledger.cached_profiles(conditions) if ledger else {}
    found = {m.model: p for m in members if (p := cached.get(profile_digest(conditions, m)))}
    missing = [m for m in members if m.model not in found]
    if not missing:
        return found
    with _place(gpus, on_message, sandbox) as place:
        for done, member in enumerate(missing, start=1):
            taken = _profiled(place, member, conditions, on_message)
            if not taken.ok:
                place.close()
                taken = _profiled(place, member, conditions, on_message)
            if taken.ok:
                result = taken.value
            else:
                place.close()  # the state of CUDA after an error is unknown
                result = MemberProfile(member=member, ok=False, problem=f"{taken.problem}, twice")
            found[member.model] = result
            if ledger and taken.ok:
                ledger.put_profiles(conditions, [result])
            watch(done, len(missing), result)
    return found


def _place(
    gpus: int, on_message: Callable[[str], None], sandbox: Sandbox | None
) -> AbstractContextManager[Sandbox]:
    if gpus:
        return GpuSandbox(gpus, on_message)
    return Sandbox() if sandbox is None else nullcontext(sandbox)


def _profiled(
    sandbox: Sandbox,
    member: Member,
    conditions: ProfileConditions,
    on_message: Callable[[str], None],
) -> Answer[MemberProfile]:
    """A member's profile, measured when there is enough memory."""
    for seconds in delays():
        taken: Answer[MemberProfile | Crowded] = sandbox.call(
            PROFILE, member, conditions, timeout=PROFILE_SECONDS
        )
        if not taken.ok or not isinstance(taken.value, Crowded):
            return cast(Answer[MemberProfile], taken)
        sandbox.close()
        on_message(
            f"{member.model}: its pre-flight waits for memory that other programs hold; next"
            f" attempt in {seconds:.0f} s"
        )
        time.sleep(seconds)
    raise ProblemError(
        f"other programs have held the GPU's memory for {GIVE_UP_SECONDS / 60:.0f} minutes",
        fix="`nvidia-smi` lists them",
    )


def unsound_members(
    members: Iterable[Member], conditions: ProfileConditions
) -> dict[str, MemberProfile]:
    """A failed profile of each member that cannot be built, by model name. Members are built in
    this process on the meta device; errors that occur only in training are not detected."""
    failed = {}
    for member in members:
        try:
            meta_cost(member, conditions.image_size, conditions.channels, conditions.num_classes)
        except ProblemError as error:
            failed[member.model] = MemberProfile(
                member=member, ok=False, problem=str(error.problem)
            )
    return failed


def failed_lines(profiles: Mapping[str, MemberProfile]) -> list[str]:
    """A line for each member whose profile failed."""
    return [
        f"{model} fails its pre-flight and is left out: {profile.problem}"
        for model, profile in sorted(profiles.items())
        if not profile.ok
    ]


def feasible(space: Space, profiles: Mapping[str, MemberProfile]) -> Space:
    """The space without the members whose profile failed.

    Raises ProblemError with the reasons if fewer families than experts remain.
    """
    bad = {model: p.problem for model, p in profiles.items() if not p.ok}
    try:
        return space.without(bad)
    except ValueError as error:
        reasons = "; ".join(f"{model}: {problem}" for model, problem in sorted(bad.items()))
        raise ProblemError(
            f"too few families pass their pre-flight ({reasons})",
            where=space.name,
            fix="correct or replace those members in the space file",
        ) from error


def classes_of(config: CampaignConfig) -> int:
    """The number of classes of the campaign's data set."""
    from pathlib import Path

    return num_classes(config.dataset, Path(config.data_root))
