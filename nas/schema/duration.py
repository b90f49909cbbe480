"""Durations as people type them: `90s`, `30m`, `12h`, `28d`."""

import re

from nas.schema.problem import UsageError

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 1e10
"""Three centuries in seconds: anything longer is a typing error."""
_FORM = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)


def parse_duration(text: str, where: str = "") -> float:
    """Seconds in `90s`, `30m`, `12h`, `28d` or a sum such as `1d12h`.

    Raises UsageError at `where` for anything else, zero and negative durations included.
    """
    parts = _FORM.findall(text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not 0 < seconds < _LONGEST:
        raise UsageError(
            f"{text!r} is not a duration",
            where=where,
            fix="write 90s, 30m, 12h, 28d or 1d12h",
        )
    return seconds


def format_duration(seconds: float) -> str:
    """The two largest units of a duration: `4m05s`, `3h20m`, `27d04h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
