"""Candidates of arms, and their repetitions, in a made ledger."""

from ledger_maker import CODE, COST, Maker

from nas.ledger import LeasedCandidate, NewCandidate
from nas.schema import Assignment, Candidate, ExpertChoice, Role, Task


def draw(
    maker: Maker, arm: str, label: str, *, seed: int = 0, role: Role = Role.REPLICATE
) -> LeasedCandidate:
    """The search's candidate of a variant, or with another seed than 0 one of the role."""
    point = Assignment((ExpertChoice(arm, label),))
    candidate = Candidate.of(maker.space, point, Task(), "t", replicate=seed)
    drawn = NewCandidate(candidate=candidate, code=CODE, cost=COST)
    leased = maker.store.add(role, drawn) if seed else maker.store.draw(lambda _: drawn)
    assert leased is not None
    return leased
