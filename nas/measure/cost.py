"""A candidate's cost, as the sum of its members' measured costs."""

from collections.abc import Mapping
from dataclasses import dataclass

from nas.measure.counts import meta_cost
from nas.schema import Candidate, Cost, MemberProfile, Problem


@dataclass(frozen=True, slots=True)
class Overhead:
    """The cost of a template's gate beyond its experts. MACs and bytes are for one image."""

    params: int = 0
    macs: int = 0
    saved_bytes: int = 0
    active_macs: int | None = None
    """See `Cost`; None for a gate."""


NO_OVERHEAD = Overhead()


def cost(
    candidate: Candidate,
    profiles: Mapping[str, MemberProfile],
    num_classes: int,
    gate: Overhead = NO_OVERHEAD,
) -> Cost:
    """Parameters, MACs and training memory of a candidate; `profiles` by model name.

    Without a valid profile of every member the memory is unknown, so `memory_bytes` is None, and
    parameters and MACs come from the meta device. Raises ProblemError for a member that does not
    build there.
    """
    members = [expert.member for expert in candidate.experts]
    known = [profiles[m.model] for m in members if m.model in profiles and profiles[m.model].ok]
    if len(known) == len(members):
        return Cost.of(
            known,
            candidate.recipe.batch_size,
            extra_params=gate.params,
            extra_macs=gate.macs,
            extra_saved_bytes=gate.saved_bytes,
            active_macs=gate.active_macs,
        )
    size, channels = candidate.image_size, candidate.channels
    counts = [meta_cost(member, size, channels, num_classes) for member in members]
    return Cost(
        params=gate.params + sum(params for params, _ in counts),
        macs=gate.macs + sum(macs for _, macs in counts),
        active_macs=gate.active_macs,
        memory_bytes=None,
    )


def too_large(cost: Cost, available: int) -> Problem | None:
    """Why a candidate does not fit `available` bytes; None if it fits or its need is unknown."""
    if cost.memory_bytes is None or cost.memory_bytes <= available:
        return None
    return Problem(
        what=(
            f"needs {cost.memory_bytes / 2**30:.1f} GiB of {available / 2**30:.1f} GiB"
            f" ({cost.params / 1e6:.1f} M parameters)"
        ),
        fix="use a smaller batch_size, or members with fewer activations",
    )
