"""Which families to stop drawing: those whose candidates keep failing."""

from collections.abc import Sequence

from nas.schema import Record


def excluded_for_failing(records: Sequence[Record], after: int) -> frozenset[str]:
    """Families whose last `after` finished candidates, in order of draws, all failed.

    A healthy family is drawn with failing partners now and then; it takes an unbroken run to be
    benched, which for a family that fails one time in ten by its partners' fault has the chance
    10⁻⁶ at `after` = 6.
    """
    run: dict[str, int] = {}
    for record in records:
        if record.status is None:
            continue
        for family in record.assignment.families:
            run[family] = run.get(family, 0) + 1 if record.status.failed else 0
    return frozenset(family for family, failures in run.items() if failures >= after)
