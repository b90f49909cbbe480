"""Headers and values of columns as text for people; the format follows from the column's name.

Shares are written in percent, differences of shares in percentage points, large counts with a
unit. CSV and JSON, for scripts, contain the values of the analysis unchanged.
"""

import math
from collections.abc import Callable
from typing import Any

from nas.schema import format_duration
from nas.schema.visible import visible

MISSING = "–"


def header(column: str) -> str:
    """A column's header with its unit: `val_acc` → `val %`, `effect` → `effect pt`. Columns whose
    cells have units have none: `params` → `params`."""
    writer = _writer(column)
    unit = " %" if writer is _percent else " pt" if writer in (_points, _spread) else ""
    name = column.removeprefix("gate_").replace("lift_over_", "test_vs_")
    for ending in ("_acc", "_rate", "_bytes"):
        name = name.removesuffix(ending)
    words = ["time" if word == "seconds" else word for word in name.split("_")]
    return visible(" ".join(words) + unit)


def cell(column: str, value: Any) -> str:
    """A value of a column as text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return visible(_writer(column)(value))


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _points(value: float) -> str:
    return f"{round(100 * value, 2) + 0.0:+.2f}"  # + 0.0: no "-0.00"


def _spread(value: float) -> str:
    return f"{100 * value:.2f}"


def _milliseconds(value: float) -> str:
    return f"{_three(1000 * value)} ms"


def _bytes(value: float) -> str:
    return f"{value / 2**30:.2f} GiB" if value >= 2**30 else f"{value / 2**20:.1f} MiB"


def disk(value: float) -> str:
    """Bytes of files in decimal units, like options for sizes; memory is in MiB."""
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.1f} MB"


def _count(value: float) -> str:
    """Three digits and a unit: `84.5 k`, `11.2 M`, `8.46 G`."""
    power = next((n for n in range(3) if value < 999.5 * 1000**n), 3)
    return f"{_three(value / 1000**power)} {' kMG'[power]}" if power else f"{value:.0f}"


def _three(value: float) -> str:
    """Three significant digits."""
    return f"{value:#.3g}".rstrip(".")


def _key(value: str) -> str:
    return str(value)[:8]


def _number(value: int) -> str:
    return f"#{value}"


def _families(value: str) -> str:
    return str(value).replace("+", " ")


def _other(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else _three(value)
    return f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else str(value)


_WRITERS: tuple[tuple[tuple[str, ...], Callable[[Any], str]], ...] = (
    (
        (
            *("lift", "effect", "synergy", "gain", "gap_domain", "gap_any", "difference"),
            *("specialisation", "change_val_acc"),
        ),
        _points,
    ),
    (("val_se", "test_se", "confirm_sd"), _spread),
    (("families", "members"), _families),
    (("key", "base_key"), _key),
    (("number",), _number),
    (("seconds",), format_duration),
    (("latency",), _milliseconds),
    (("disk",), disk),
    (("params", "macs", "active_macs"), _count),
    (
        (
            *("kendall", "spearman", "change", "eigenvalue", "trace", "ratio"),
            *("train_eigenvalue", "test_eigenvalue"),
        ),
        _other,
    ),  # including the bounds of their intervals
)
_ENDINGS: tuple[tuple[tuple[str, ...], Callable[[Any], str]], ...] = (
    (("_acc", "_rate", "_low", "_high", "share", "covered", "usage"), _percent),
    (("_bytes",), _bytes),
)

_SHARES = frozenset(
    {
        *("uniform", "probe", "static", "gate", "uniform_test", "probe_test", "static_test"),
        *(
            "gate_test",
            "oracle",
            "best_member",
            "without",
            "best",
            "alone",
            "in_best",
            "predicted",
            "trained",
        ),
        *("low", "high"),
    }
)
"""Names of shares without one of the _ENDINGS."""


def _writer(column: str) -> Callable[[Any], str]:
    if column in _SHARES:
        return _percent
    for starts, writer in _WRITERS:
        if column.startswith(starts):
            return writer
    for ends, writer in _ENDINGS:
        if column.endswith(ends):
            return writer
    return _other
