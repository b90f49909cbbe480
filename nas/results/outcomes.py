"""Which outcomes speak against a candidate."""

from nas.schema import Status

FAILED = tuple(status.value for status in Status if status.failed)
"""Outcomes that speak against a candidate."""
NOT_FAILED = (Status.OK.value, Status.PRUNED.value)
"""Outcomes that do not: early stopping takes the weak, not the broken."""
