"""Converts DataFrames to JSON: values by column, and each column's title and format."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nas.schema import ProblemError

if TYPE_CHECKING:
    import pandas as pd

# fmt: off
Kind = Literal[
    "text", "flag", "joined", "key", "number", "int", "percent", "points", "spread", "float",
    "change", "probability", "count", "seconds", "hours", "time",
]
# fmt: on
"""How the page formats and sorts a column: shares in percent, differences of shares in percentage
points (`spread` without a sign), other differences with a sign (`change`), counts with a unit,
`hours` as a duration too, times in UTC."""

_DIGITS = {
    "percent": 8,
    "points": 8,
    "spread": 8,
    "float": 4,
    "change": 4,
    "probability": 6,
    "seconds": 2,
    "hours": 5,
}
"""Decimals that are kept: so many more than are shown that rounding twice changes nothing that is
seen, and half of the bytes of full precision."""


class Column(NamedTuple):
    """A column of a table on the page."""

    name: str
    title: str
    kind: Kind
    help: str = ""


def of_arms(columns: Sequence[Column], arms: bool) -> tuple[Column, ...]:
    """Columns of families, named for arms where a space has those."""
    named = {"Family": "Arm", "Families": "Arm", "Members": "Variant"} if arms else {}
    return tuple(column._replace(title=named.get(column.title, column.title)) for column in columns)


def table(frame: "pd.DataFrame", columns: Sequence[Column], of: str) -> dict[str, Any]:
    """`{"columns": [{name, title, kind, help}], "rows": count, "values": {name: [...]}}`.

    Missing values are None, times are seconds since 1970. Raises ProblemError as `need_columns`.
    """
    need_columns(frame, [column.name for column in columns], of)
    return {
        "columns": [column._asdict() for column in columns],
        "rows": len(frame),
        "values": {column.name: values(frame[column.name], column.kind) for column in columns},
    }


def need_columns(frame: "pd.DataFrame", names: Sequence[str], of: str) -> "pd.DataFrame":
    """The DataFrame. Raises ProblemError if it lacks a column: a user's own analysis may have the
    name `of`."""
    if missing := [name for name in names if name not in frame]:
        raise ProblemError(
            f"the analysis {of} gives no column {', '.join(missing)}",
            fix=f"your own analysis/{of}.py wins over the shipped one: add it there",
        )
    return frame


def values(series: "pd.Series[Any]", kind: Kind = "text") -> list[Any]:
    """A column's values for JSON: rounded, None if missing or infinite."""
    if kind == "time":
        import pandas as pd

        series = (series - pd.Timestamp(0, tz="UTC")).dt.total_seconds().round(1)
    elif kind in _DIGITS:
        series = series.astype("float64").round(_DIGITS[kind])
    if series.dtype.kind == "f":
        series = series.where(series.abs() != math.inf)  # JSON has no infinity
    if not (missing := series.isna()).any():
        return series.tolist()
    pairs = zip(series.tolist(), missing.tolist(), strict=True)
    return [None if gone else value for value, gone in pairs]
