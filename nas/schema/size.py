"""Counts and sizes as people type them: `500k`, `12M`, `1.5G`."""

import re

from nas.schema.problem import UsageError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}


def parse_size(text: str, where: str) -> int:
    """The number that a text such as `12M` means, at least 1. Case is ignored. `B` after a unit
    means bytes, alone it means billions, as `T` means trillions.

    Raises UsageError at `where` for any other text.
    """
    form = re.fullmatch(r"(\d+(?:\.\d+)?)(?:([kmgt])b?|(b?))", text.strip().lower(), re.ASCII)
    if (
        form is None
        or len(text) > 30
        or (count := round(float(form[1]) * _UNITS[form[2] or form[3]])) < 1
    ):
        raise UsageError(
            f"{text!r} is not a size", where=where, fix="write 500k, 12M, 1.5G or 12000000"
        )
    return count
