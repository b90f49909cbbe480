"""Damaged rows: every row that this program cannot have written, and what is wrong with it.

Cells are read raw, without the column types that decode and check them, so that a bad cell is
reported and does not fail the check. Other readers check the bounds of cells, not whole rows; when
they fail for any reason, `Ledger.damage` runs this check.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import JSON, Boolean, Column, Connection, Table, inspect, text
from sqlalchemy.exc import DatabaseError, NoSuchTableError

from nas.ledger import models as m
from nas.ledger.bounded import Bounded, CheckedJson
from nas.ledger.decoding import CHECKS
from nas.schema import Role, Status, fault_of, one_line
from nas.schema.visible import visible

Row = dict[str, Any]
_KEPT = (
    *("candidate_id", "campaign_id", "role", "number", "epochs"),
    *("outcome", "final_attempt", "resumed_from"),
)
_FORMS = {
    **dict.fromkeys(("digest", "weights_sha256"), re.compile("[0-9a-f]{64}")),
    **dict.fromkeys(("kind", "stage", "instrument"), re.compile("[a-z0-9_]*")),
    "weights": re.compile(r"[\w.-]+"),
}
"""Patterns of the texts in some columns."""


@dataclass(frozen=True)
class Fault:
    """One defect of one row."""

    table: str
    row: str
    """Its primary key."""
    what: str

    def __str__(self) -> str:
        return visible(f"{self.table} {self.row}: {self.what}")


def faults(connection: Connection) -> Iterator[Fault]:
    """Every fault of every row."""
    tables = m.Base.metadata.sorted_tables
    missing = [fault for table in tables for fault in _missing(connection, table)]
    if missing:  # rows cannot be checked without their columns
        yield from missing
        return
    known: dict[str, dict[Any, Row]] = {}
    for table in tables:
        rows = known[table.name] = {}
        for raw in _raw(connection, table):
            if isinstance(raw, Fault):
                yield raw
                continue
            key = tuple(raw[column.name] for column in table.primary_key)
            ident = "/".join(map(str, key))
            row, wrong = _decoded(table, raw)
            if not wrong:
                wrong = [*_checked(table, row), *_dangling(table, row, known)]
            if not wrong and table.name == "experts":
                wrong = _of_another(row, known)
            # Later rows that refer to this one need only these columns.
            kept = rows[key[0] if len(key) == 1 else key] = {n: row.get(n) for n in _KEPT}
            if table.name == "candidates":
                kept["models"] = _models(row)
            yield from (Fault(table.name, ident, what) for what in wrong)
    if len(known["identity"]) > 1:
        what = "there are several ids, and a ledger has only one"
        yield from (Fault("identity", ident, what) for ident in known["identity"])
    yield from _results(known)
    yield from _sequences(known)


def _missing(connection: Connection, table: Table) -> Iterator[Fault]:
    """Missing columns; SQLite would read a missing column's quoted name as a string."""
    try:
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    except NoSuchTableError:
        yield Fault(table.name, "…", "the table is missing")
        return
    except DatabaseError as error:
        yield Fault(table.name, "…", f"cannot be read: {one_line(error.orig or error)}")
        return
    for column in table.columns:
        if column.name not in there:
            yield Fault(table.name, "…", f"the column {column.name} is missing")


def _raw(connection: Connection, table: Table) -> Iterator[Row | Fault]:
    """Raw rows, whatever their cells contain; a fault where reading fails."""
    names = [column.name for column in table.columns]
    driver: Any = connection.connection.driver_connection
    before = getattr(driver, "text_factory", None)
    if before is not None:
        driver.text_factory = _text
    try:
        columns = ", ".join(f'"{table.name}"."{name}"' for name in names)
        for row in connection.execute(text(f'SELECT {columns} FROM "{table.name}"')):
            yield dict(zip(names, row, strict=True))
    except DatabaseError as error:
        yield Fault(table.name, "…", f"cannot be read further: {one_line(error.orig or error)}")
    finally:
        if before is not None:
            driver.text_factory = before


def _text(cell: bytes) -> str | bytes:
    """SQLite's text as a string; invalid UTF-8 as bytes, which no text column may contain."""
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell


def _decoded(table: Table, raw: Row) -> tuple[Row, list[str]]:
    row: Row = {}
    wrong: list[str] = []
    for column in table.columns:
        cell = raw[column.name]
        if cell is None:
            if not column.nullable:
                wrong.append(f"{column.name} is missing")
            row[column.name] = None
            continue
        try:
            row[column.name] = _cell(column, cell)
        except (ValueError, TypeError, RecursionError, zlib.error) as error:
            wrong.append(f"{column.name} is {_short(cell)}: {error}")
    return row, wrong


def _cell(column: Column[Any], cell: Any) -> Any:
    """A cell's value. Raises ValueError, TypeError or zlib.error if it is invalid."""
    kind = column.type
    if isinstance(kind, m.CompressedText):
        return zlib.decompress(cell).decode()
    if isinstance(kind, JSON | CheckedJson):
        value = _json(cell) if isinstance(cell, str | bytes) else cell
        if isinstance(kind, CheckedJson):
            kind.check(value)
        return value
    if isinstance(kind, Boolean):
        if cell not in (0, 1):
            raise ValueError("neither true nor false")
        return bool(cell)
    if isinstance(kind, Bounded):
        kind.check(cell)
        return cell
    if not isinstance(cell, str):
        raise ValueError("not text")
    if "\0" in cell:
        raise ValueError("text with a NUL character")
    if (form := _FORMS.get(column.name)) and not form.fullmatch(cell):
        raise ValueError("not in the expected format")
    return cell


def _json(cell: str | bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number")

    value = json.loads(cell, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()  # fails for a lone surrogate
    if not isinstance(value, dict | list):
        raise ValueError("neither an object nor a list")
    return value


def _checked(table: Table, row: Row) -> Iterator[str]:
    """Contradictions between a row's values."""
    try:
        if table.name in CHECKS:
            yield from CHECKS[table.name](row)
    except ValidationError as error:
        yield ": ".join(filter(None, fault_of(error)))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        yield f"its data have another structure: {one_line(error)}"


def _dangling(table: Table, row: Row, known: Mapping[str, Mapping[Any, Row]]) -> Iterator[str]:
    """References to rows that do not exist."""
    for column in table.columns:
        for reference in column.foreign_keys:
            of, value = reference.column.table.name, row[column.name]
            if value is not None and value not in known[of]:
                yield f"{column.name} is {value}, but {of} has no such row"


def _models(row: Row) -> set[str] | None:
    """A candidate's models; None if its spec names none, as where a template builds the experts."""
    try:
        return {expert["member"]["model"] for expert in row["spec"]["experts"]} or None
    except (TypeError, KeyError):
        return None


def _of_another(row: Row, known: Mapping[str, Mapping[Any, Row]]) -> list[str]:
    """The fault if an expert's model is not in its candidate."""
    candidate = known["attempts"][row["attempt_id"]]["candidate_id"]
    models = known["candidates"].get(candidate, {}).get("models")
    if models is None or row["model"] in models:
        return []
    return [f"its model {row['model']} is not in candidate {candidate}"]


def _results(known: Mapping[str, Mapping[Any, Row]]) -> Iterator[Fault]:
    """Checks references that are not foreign keys: from a candidate to the attempt with its
    result, and from an attempt to the one that it resumed."""
    attempts = known["attempts"]
    for ident, row in known["candidates"].items():
        final = row["final_attempt"]
        if row["outcome"] in (None, Status.SUPERSEDED):
            continue
        if final is None:
            yield Fault("candidates", str(ident), "it has a result without an attempt")
        elif attempts.get(final, {}).get("candidate_id") != ident:
            what = f"its result is from attempt {final}, which is not one of its attempts"
            yield Fault("candidates", str(ident), what)
        elif attempts[final]["outcome"] is None:
            what = f"its result is from attempt {final}, which has not ended"
            yield Fault("candidates", str(ident), what)
    for ident, row in attempts.items():
        before = row["resumed_from"]
        if before is not None and attempts.get(before, row)["candidate_id"] != row["candidate_id"]:
            what = f"it resumes attempt {before}, which belongs to another candidate"
            yield Fault("attempts", str(ident), what)


def _sequences(known: Mapping[str, Mapping[Any, Row]]) -> Iterator[Fault]:
    """Checks consecutive numbers: a search's draws, its controls, a candidate's attempts, an
    attempt's epochs. Other roles may have gaps, where a changed template closed candidates."""
    drawn: dict[Any, int] = {}
    for ident, row in sorted(known["candidates"].items(), key=lambda item: _place(item[1])):
        if row["role"] not in (Role.SEARCH, Role.CONTROL):
            continue
        of = (row["campaign_id"], row["role"])
        expected = drawn.get(of, 0)
        drawn[of] = max(expected, _place(row)) + 1
        if row["number"] is not None and row["number"] != expected:
            what = f"its number is {row['number']}, but number {expected} is missing"
            yield Fault("candidates", str(ident), what)
    tries: dict[Any, int] = {}
    for ident, row in sorted(known["attempts"].items()):
        of = row["candidate_id"]
        expected = tries[of] = tries.get(of, 0) + 1
        if of is not None and row["number"] is not None and row["number"] != expected:
            what = f"its number is {row['number']}, but it is attempt {expected} of its candidate"
            yield Fault("attempts", str(ident), what)
    for table in ("epochs", "metrics"):
        for key in known[table]:
            attempt, number = key[:2]
            last = known["attempts"].get(attempt, {}).get("epochs")
            if last is not None and isinstance(number, int) and not 1 <= number <= last:
                what = f"its attempt has only {last} epochs"
                yield Fault(table, "/".join(map(str, key)), what)


def _place(candidate: Row) -> int:
    return -1 if candidate["number"] is None else int(candidate["number"])


def _short(cell: Any) -> str:
    shown = repr(cell)
    return shown if len(shown) <= 40 else f"{shown[:39]}…"
