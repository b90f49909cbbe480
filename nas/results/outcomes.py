"""Which outcomes count as failures."""

from nas.schema import Status

FAILED = tuple(status.value for status in Status if status.failed)
"""Outcomes that count as failures of a candidate."""
NOT_FAILED = (Status.OK.value, Status.PRUNED.value)
"""Outcomes that do not: early stopping ends weak candidates, not broken ones."""
