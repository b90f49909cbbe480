"""Controls: each member by itself, at the same recipe, so that lift has something to stand on.

An expert inside a mixture never trained alone; "better than its best expert" needs the experts
trained alone at equal epochs.
"""

from collections.abc import Iterable, Iterator

from nas.render import template_hash
from nas.spec import Assignment, Candidate, Pick, Record, Space, Status, Task

TEMPLATE = "single"


def control(space: Space, pick: Pick, task: Task) -> Candidate:
    """The candidate that trains one member alone."""
    alone = space.with_(template=TEMPLATE)
    return Candidate.of(alone, Assignment(picks=(pick,)), task, template_hash(TEMPLATE))


def due(records: Iterable[Record], have: set[Pick]) -> Iterator[Pick]:
    """Members of successful candidates that no control stands for yet, in order of draws."""
    seen = set(have)
    for record in records:
        if record.status is Status.OK:
            for pick in record.assignment.picks:
                if pick not in seen:
                    seen.add(pick)
                    yield pick
