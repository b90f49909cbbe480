"""DataFrames as plain JSON: a table's columns by name, each with how it is headed and written."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nas.schema import ProblemError

if TYPE_CHECKING:
    import pandas as pd

# fmt: off
Kind = Literal[
    "text", "flag", "joined", "key", "number", "int", "percent", "points", "spread", "float",
    "probability", "count", "seconds", "time",
]
# fmt: on
"""How the page writes and sorts a column: shares as percent, differences of shares as percentage
points (`spread` without a sign), counts with a unit, times in UTC."""

_DIGITS = {"percent": 5, "points": 5, "spread": 5, "float": 4, "probability": 6, "seconds": 2}
"""Decimals kept: beyond what is shown, and a third of the bytes."""


class Column(NamedTuple):
    """A column of a table on the page."""

    name: str
    title: str
    kind: Kind
    help: str = ""


def table(frame: "pd.DataFrame", columns: Sequence[Column], of: str) -> dict[str, Any]:
    """`{"columns": [{name, title, kind, help}], "rows": how many, "values": {name: [...]}}`.

    Missing values are None, times seconds since 1970. Raises ProblemError as `need_columns` does.
    """
    need_columns(frame, [column.name for column in columns], of)
    return {
        "columns": [column._asdict() for column in columns],
        "rows": len(frame),
        "values": {column.name: values(frame[column.name], column.kind) for column in columns},
    }


def need_columns(frame: "pd.DataFrame", names: Sequence[str], of: str) -> "pd.DataFrame":
    """The frame. Raises ProblemError where it lacks a column: an analysis of one's own may have
    taken the name `of`."""
    if missing := [name for name in names if name not in frame]:
        raise ProblemError(
            f"the analysis {of} gives no column {', '.join(missing)}",
            fix=f"your own analysis/{of}.py wins over the shipped one: add it there",
        )
    return frame


def values(series: "pd.Series[Any]", kind: Kind = "text") -> list[Any]:
    """A column as JSON has it: rounded, None where missing."""
    if kind == "time":
        import pandas as pd

        series = (series - pd.Timestamp(0, tz="UTC")).dt.total_seconds().round(1)
    elif kind in _DIGITS:
        series = series.astype("float64").round(_DIGITS[kind])
    if series.dtype.kind == "f":
        series = series.where(series.abs() != math.inf)  # which JSON has no word for
    if not (missing := series.isna()).any():
        return series.tolist()
    pairs = zip(series.tolist(), missing.tolist(), strict=True)
    return [None if gone else value for value, gone in pairs]
