"""Controls: each member by itself, at the same recipe, so that lift has something to stand on.

An expert inside a mixture never trained alone; "better than its best expert" needs the experts
trained alone at equal epochs.
"""

from collections.abc import Iterable, Iterator

from nas.render import CandidateError, template_hash
from nas.schema import Assignment, Candidate, ExpertChoice, Record, Space, Status, Task

TEMPLATE = "single"


def control(space: Space, pick: ExpertChoice, task: Task) -> Candidate:
    """The candidate that trains one member alone."""
    alone = space.with_(template=TEMPLATE)
    return Candidate.of(alone, Assignment(picks=(pick,)), task, template_hash(TEMPLATE))


def check_template(candidate: Candidate, space: Space) -> None:
    """Raises CandidateError for a row's candidate of a template that its campaign has not: what
    may run was asked for with the campaign."""
    if candidate.template not in (space.template, TEMPLATE):
        raise CandidateError(
            f"candidate {candidate.key} is of the template {candidate.template}, and its campaign"
            f" of {space.template}: somebody changed the ledger",
            fix="take the ledger from a copy that you trust",
        )


def due(records: Iterable[Record], have: set[ExpertChoice]) -> Iterator[ExpertChoice]:
    """Members of successful candidates that no control stands for yet, in order of draws."""
    seen = set(have)
    for record in records:
        if record.status is Status.OK:
            for pick in record.assignment.picks:
                if pick not in seen:
                    seen.add(pick)
                    yield pick
