"""Pre-flight of every member a campaign may draw: probed once, remembered in the ledger."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import cast

from nas.campaign.backoff import GIVE_UP_SECONDS, delays
from nas.data import num_classes
from nas.execute import GpuSandbox
from nas.hardware import settled_precision
from nas.ledger import Ledger, probe_digest
from nas.measure import Crowded, conditions, meta_cost
from nas.processes import Answer, Sandbox
from nas.schema import CampaignConfig, Member, MemberProfile, ProblemError, ProfileConditions, Space

PROBE = "nas.measure.profile:probe_beside_others"
"""Imported where it runs: it needs torch."""
PROBE_SECONDS = 300.0
"""How long one member's probe may take before its process is killed."""

Watch = Callable[[int, int, MemberProfile], None]
"""Called after each probe with (done, total, probe)."""


def conditions_for(space: Space, config: CampaignConfig, classes: int) -> ProfileConditions:
    """What a campaign's probes are taken under."""
    precision, _ = settled_precision(space.recipe.precision, config.gpus)
    return conditions(space.image_size, space.channels, classes, config.device, precision)


def probe_members(
    ledger: Ledger | None,
    members: list[Member],
    under: ProfileConditions,
    *,
    gpus: int = 0,
    watch: Watch = lambda done, total, probe: None,
    say: Callable[[str], None] = lambda line: None,
    sandbox: Sandbox | None = None,
) -> dict[str, MemberProfile]:
    """A probe for each member, by model name: from the cache, or taken now in a killable child,
    on one of so many GPUs that works and has room, as `under` says.

    Where there is no answer, because memory ran out, CUDA failed, or the process was killed or
    hung, the member is probed once more in a fresh one: an accident need not be its fault. A second
    one counts for now and is not cached. Without a ledger nothing is. Memory of a GPU that others
    hold is waited for, which `say` is told; ProblemError where that takes too long. Without GPUs
    the `sandbox`, if one is given, takes the probes; it stays open, with what it has imported.
    """
    cached = ledger.probes_under(under) if ledger else {}
    found = {m.model: p for m in members if (p := cached.get(probe_digest(under, m)))}
    missing = [m for m in members if m.model not in found]
    if not missing:
        return found
    with _place(gpus, say, sandbox) as place:
        for done, member in enumerate(missing, start=1):
            taken = _probed(place, member, under, say)
            if not taken.ok:
                place.close()
                taken = _probed(place, member, under, say)
            if taken.ok:
                result = taken.value
            else:
                place.close()  # what CUDA is left in after an error is not for the next member
                result = MemberProfile(member=member, ok=False, problem=f"{taken.problem}, twice")
            found[member.model] = result
            if ledger and taken.ok:
                ledger.put_probes(under, [result])
            watch(done, len(missing), result)
    return found


def _place(
    gpus: int, say: Callable[[str], None], sandbox: Sandbox | None
) -> AbstractContextManager[Sandbox]:
    if gpus:
        return GpuSandbox(gpus, say)
    return Sandbox() if sandbox is None else nullcontext(sandbox)


def _probed(
    sandbox: Sandbox, member: Member, under: ProfileConditions, say: Callable[[str], None]
) -> Answer[MemberProfile]:
    """A member's probe, once there was the memory for one."""
    for seconds in delays():
        taken: Answer[MemberProfile | Crowded] = sandbox.call(
            PROBE, member, under, timeout=PROBE_SECONDS
        )
        if not taken.ok or not isinstance(taken.value, Crowded):
            return cast(Answer[MemberProfile], taken)
        sandbox.close()
        say(
            f"{member.model}: its probe waits for memory that others hold; tried again in"
            f" {seconds:.0f} s"
        )
        time.sleep(seconds)
    raise ProblemError(
        f"others have held the GPU's memory for {GIVE_UP_SECONDS / 60:.0f} minutes",
        fix="see with `nvidia-smi` who does",
    )


def unsound_members(
    members: Iterable[Member], under: ProfileConditions
) -> dict[str, MemberProfile]:
    """A failed probe of each member that does not build, by model name. They are built here, on the
    meta device: nothing is trained, and what fails only in training is not found."""
    failed = {}
    for member in members:
        try:
            meta_cost(member, under.image_size, under.channels, under.num_classes)
        except ProblemError as error:
            failed[member.model] = MemberProfile(
                member=member, ok=False, problem=str(error.problem)
            )
    return failed


def left_out(probes: Mapping[str, MemberProfile]) -> list[str]:
    """A line for each member whose probe failed."""
    return [
        f"{model} fails its pre-flight and is left out: {probe.problem}"
        for model, probe in sorted(probes.items())
        if not probe.ok
    ]


def feasible(space: Space, probes: Mapping[str, MemberProfile]) -> Space:
    """The space less the members whose probe failed.

    Raises ProblemError when fewer families than experts remain, with the reasons.
    """
    bad = {model: p.problem for model, p in probes.items() if not p.ok}
    try:
        return space.without(bad)
    except ValueError as error:
        reasons = "; ".join(f"{model}: {problem}" for model, problem in sorted(bad.items()))
        raise ProblemError(
            f"too few families pass their pre-flight ({reasons})",
            where=space.name,
            fix="mend or replace those members in the space file",
        ) from error


def classes_of(config: CampaignConfig) -> int:
    """Classes of the campaign's data set."""
    from pathlib import Path

    return num_classes(config.dataset, Path(config.data_root))
