"""Which draws of a campaign were meant to be fair, from the events in its ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nas.schema import DrawConstraints, Record, Space
from nas.stats.audit import Audit, Draw

Events = Sequence[Mapping[str, Any]]


def audit_of(space: Space, phases: Events) -> Audit:
    """An audit over the points that the campaign's first phase could draw.

    `space` is the campaign's, without exclusions; `phases` its events of that kind (see
    `CampaignEvents.begin_phase`).
    """
    if not phases:
        return Audit(space)
    plan = DrawConstraints.model_validate(phases[0]["plan"])
    dropped = [member for family in plan.drop for member in space.groups.get(family, ())]
    return Audit(space.without([*plan.left_out, *dropped]))


def draws(records: Iterable[Record], bias: str, phases: Events, benched: Events) -> Iterator[Draw]:
    """Each record as a draw, with the reason why it is not meant to be fair, if there is one.

    `bias`: why the sampler's draws are not, in words; empty for a fair sampler.
    """
    first, why = min(_reasons(bias, phases, benched), default=(None, ""))
    for record in records:
        late = first is not None and record.number >= first
        yield Draw(record.assignment, why if late else "")


def _reasons(bias: str, phases: Events, benched: Events) -> Iterator[tuple[int, str]]:
    """(the first draw it holds for, from 0; the reason)"""
    if bias:
        yield 0, bias
    for phase in phases:
        plan = DrawConstraints.model_validate(phase["plan"])
        if phase["number"] > 0 or plan.prefer:
            describe = plan.describe() or "may draw other models"
            yield phase["drawn"], f"phase {phase['number']} {describe}"
    for event in benched:
        yield event.get("drawn", 0), f"{event['family']} is benched"
