"""What instruments found, as text for people: titles, values with units, the headlines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nas.diagnose.explaining import explained, headlines
from nas.diagnose.legends.base import Figure, Form, Unit
from nas.report.cells import cell

if TYPE_CHECKING:
    import pandas as pd

MOST_NUMBERS = 8
"""Numbers of a figure that are listed; of more, how many there are, and their range."""
ALL = "nas report diagnose -f csv"
"""The command that prints every figure."""

_Writer = Callable[[float], str]
_WRITERS: Mapping[Unit, tuple[_Writer, str]] = {
    Unit.SHARE: (lambda x: cell("share", x), " %"),
    Unit.DIFFERENCE: (lambda x: cell("difference", x), " points"),
    Unit.POINTS: (lambda x: cell("difference", x / 100), " points"),
    Unit.COUNT: (lambda x: f"{x:,.0f}", ""),
    Unit.YES: (lambda x: "yes" if x else "no", ""),
    Unit.NUMBER: (lambda x: cell("", float(x)), ""),
    Unit.CURVATURE: (lambda x: cell("", float(x)), " nats/unit²"),
    Unit.DEVIATIONS: (lambda x: cell("", float(x)), " SD"),
}
"""How a number is printed, and what comes after the last; a unit without an entry is its own."""


def findings(instrument: str, figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each headline figure of an instrument, `instrument`, `figure`, its title, and its
    `value` as text, several numbers in one; and how many more there are."""
    shown = headlines(instrument, figures)
    for name in shown:
        meaning = explained(instrument, name)
        value = value_text(meaning, figures[name])
        yield {"instrument": instrument, "figure": meaning.title, "value": value}
    if more := len(figures) - len(shown):
        yield {"instrument": instrument, "figure": f"{more} more", "value": ALL}


def value_text(figure: Figure, value: float | Sequence[float]) -> str:
    """A figure's number, or numbers, with the unit."""
    write, unit = _WRITERS.get(figure.unit, (lambda x: cell("", float(x)), f" {figure.unit}"))
    if not isinstance(value, Sequence):
        return f"{write(value)}{unit}{_beyond(figure, value)}"
    texts = [write(each) for each in value]
    if figure.form is Form.INTERVAL:
        return f"[{', '.join(texts)}]{unit}"
    if figure.form is Form.QUARTILES:
        return f"{' / '.join(texts)}{unit}"
    if len(texts) <= MOST_NUMBERS:
        return f"{', '.join(texts)}{unit}"
    return f"{len(texts)} values from {write(min(value))} to {write(max(value))}{unit}"


def cautions(instrument: str, figures: Mapping[str, Any]) -> Iterator[str]:
    """A line for each figure that says that the others are not to be relied on."""
    for name, value in figures.items():
        meaning = explained(instrument, name)
        if not isinstance(value, Sequence) and _beyond(meaning, value):
            yield f"{meaning.title} {value_text(meaning, value)}"


def _beyond(figure: Figure, value: float) -> str:
    """What to say after a number that is a caution; empty for others."""
    caution = figure.caution
    return f" ({caution.text})" if caution and value > caution.above else ""


def for_people(table: "pd.DataFrame", *, every: bool) -> "pd.DataFrame":
    """The table of `diagnose` with titles, and values with units, in place of names and numbers;
    the headlines alone, or `every` figure. Other tables as they are."""
    if not {"instrument", "figure", "finding", "unit"} <= set(table.columns):
        return table
    known = table["figure"].notna()
    first = {
        (key, instrument): set(headlines(str(instrument), group))
        for (key, instrument), group in table[known].groupby(["key", "instrument"])["figure"]
    }
    columns = zip(*(table[c] for c in ("key", "instrument", "figure")), known, strict=True)
    kept = [
        every or not there or figure in first[key, instrument]
        for key, instrument, figure, there in columns
    ]
    shown = table[kept].reset_index(drop=True)
    rows = zip(shown["instrument"], shown["figure"], shown["finding"], strict=True)
    texts = [_finding(*row) for row in rows]
    shown = shown.assign(figure=shown["title"], finding=texts)
    shown = shown.drop(columns=["title", "value", "unit"])
    shown.attrs = dict(table.attrs)
    if len(shown) < len(table):
        hidden = f"headlines; all {len(table):,} figures with -f csv"
        shown.attrs["note"] = "; ".join(filter(None, (table.attrs.get("note"), hidden)))
    return shown


def _finding(instrument: str, figure: Any, finding: str) -> str:
    """A cell of the column `finding` for people: `finding` has a figure's numbers in order, or the
    reason why there is none."""
    if not isinstance(figure, str):
        return f"does not apply: {finding}"
    numbers = [float(number) for number in finding.split()]
    meaning = explained(instrument, figure)
    return value_text(meaning, numbers if len(numbers) > 1 else numbers[0])
