"""Excludes families whose candidates keep failing."""

from collections.abc import Sequence

from nas.schema import Record


def excluded_for_failing(records: Sequence[Record], after: int) -> frozenset[str]:
    """Families whose last `after` finished candidates, in order of draws, all failed.

    Only an unbroken run of failures excludes a family, because a good family is sometimes drawn
    with a failing partner. If partners fail one in ten of its candidates, the probability that a
    given run of `after` = 6 candidates excludes it is 10⁻⁶.
    """
    run: dict[str, int] = {}
    for record in records:
        if record.status is None:
            continue
        for family in record.assignment.families:
            run[family] = run.get(family, 0) + 1 if record.status.failed else 0
    return frozenset(family for family, failures in run.items() if failures >= after)
