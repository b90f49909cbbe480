"""Small spaces, and an independent enumeration of their points."""

from collections.abc import Iterable, Sequence
from itertools import combinations, product

from nas.sample import Sampler
from nas.schema import (
    Assignment,
    Choice,
    ExpertAxis,
    ExpertChoice,
    Member,
    Phase,
    Record,
    Space,
    Status,
    Variant,
)

FIRST = Phase()


def make_space(
    members: Sequence[int] = (), k: int = 4, choices: Sequence[int] = (), name: str = "space"
) -> Space:
    """`members[i]` members in family i, `choices[j]` values in choice j."""
    families = {
        f"F{i:02d}": tuple(Member(model=f"f{i:02d}_{m}") for m in range(size))
        for i, size in enumerate(members)
    }
    return Space(
        name=name,
        experts=ExpertAxis(k=k, families=families) if families else None,
        choices=tuple(
            Choice(name=f"c{j}", values=tuple(range(size))) for j, size in enumerate(choices)
        ),
    )


def make_arms(variants: Sequence[int], choices: Sequence[int] = ()) -> Space:
    """`variants[i]` variants of arm i, `choices[j]` values in choice j."""
    return Space(
        name="arms",
        arms={
            f"F{i:02d}": tuple(
                Variant(label=f"f{i:02d}_{v}", settings={"a": i, "v": v}) for v in range(n)
            )
            for i, n in enumerate(variants)
        },
        choices=make_space(choices=choices).choices if choices else (),
    )


def every_point(space: Space, excluded: Iterable[str] = ()) -> list[Assignment]:
    """Every point by brute force, subset by subset as itertools gives them."""
    gone = set(excluded)
    settings = [
        tuple(zip((c.name for c in space.choices), values, strict=True))
        for values in product(*(choice.values for choice in space.choices))
    ]
    if space.arms:
        picks = [
            (ExpertChoice(arm, variant.label),)
            for arm, variants in space.arms.items()
            if arm not in gone
            for variant in variants
        ]
        return [Assignment(picks=pick, choices=setting) for pick in picks for setting in settings]
    if space.experts is None:
        return [Assignment(choices=setting) for setting in settings]
    return [
        Assignment(
            picks=tuple(ExpertChoice(f, m.model) for f, m in zip(families, members, strict=True)),
            choices=setting,
        )
        for families in combinations([f for f in space.families if f not in gone], space.experts.k)
        for members in product(*(space.experts.families[f] for f in families))
        for setting in settings
    ]


def accuracy(assignment: Assignment) -> float:
    """A made-up validation accuracy: low-numbered families are better."""
    return 1 / (1 + sum(int(family[1:]) for family in assignment.families))


def finished(number: int, assignment: Assignment, phase: int = 0) -> Record:
    """A record with a result; every fifth one failed."""
    if number % 5 == 4:
        return Record(number, assignment, phase, Status.OOM)
    return Record(number, assignment, phase, Status.OK, accuracy(assignment))


def draw(
    sampler: Sampler,
    count: int,
    phase: Phase = FIRST,
    before: Sequence[Record] = (),
) -> list[Record]:
    """`before` and up to `count` more draws, each finished before the next."""
    records = list(before)
    for _ in range(count):
        assignment = sampler.propose(records, phase)
        if assignment is None:
            break
        records.append(finished(len(records), assignment, phase.number))
    return records
