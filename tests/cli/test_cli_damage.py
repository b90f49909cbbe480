"""A ledger with one bad cell: whichever it is, no command ends with a traceback, and the doctor
finds it."""

import random
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from frozen_campaign import thaw

from nas.ledger import Ledger
from nas.ledger.models import Base

Messages = Callable[[list[str]], tuple[int, str]]

BAD: dict[str, str] = {
    "a word": "'abc'",
    "a blob": "x'fffe00'",
    "no UTF-8": "CAST(x'ff41' AS TEXT)",
    "half an object": "'{\"a\": '",
    "an empty object": "'{}'",
    "a list": "'[1]'",
    "half a character": '\'{"family": "\\ud800"}\'',
    "a NUL": "'a' || char(0) || 'b'",
    "negative": "-1",
    "huge": "1e300",
    "beyond 64 bits": "9223372036854775807",
    "infinite": "9e999",
}
"""What a cell may come to hold, as SQL."""
MISSING = {"missing": "NULL"}
WITHIN = {
    "a small number": "3",
    "another row's": "(SELECT COLUMN FROM TABLE ORDER BY rowid DESC LIMIT 1)",
}
"""What it may hold, but not there."""
COMMANDS = (
    ["status"],
    ["status", "--json"],
    ["report", "leaderboard"],
    ["report", "family_yield", "-f", "csv"],
    ["report", "cooccurrence", "-f", "json"],
    ["report", "lift"],
    ["report", "coverage"],
    ["report", "failures", "-f", "md"],
    ["report", "failing"],
    ["report", "screen"],
    ["report", "screen_families"],
    ["show", "#0"],
    ["show", "#1", "--json"],
    ["export", "#0", "-o", "out", "--code-only"],
    ["export-study", "-o", "study.db"],
    ["plan", "--trials", "9", "--like", "first"],
    ["search", "--from-report", "first", "--dry-run", "--trials", "1"],
    ["search", "--from-screen", "1", "--dry-run", "--trials", "1"],
    ["confirm", "--executor", "inline", "--gpus", "999"],
    ["resume", "--gpus", "999"],
    ["doctor"],
)


def cells(values: dict[str, str]) -> list[tuple[str, str, str]]:
    """Every column of every table with every one of these values."""
    return [
        (table.name, column.name, value)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        for value in values
    ]


def sampled() -> list[tuple[str, str, str]]:
    chance = random.Random(20)
    return [
        cell
        for values, n in ((BAD, 24), (MISSING, 8), (WITHIN, 10))
        for cell in chance.sample(cells(values), n)
    ]


def spoil(path: Path, table: str, column: str, bad: str) -> bool:
    """Puts a bad value into a table's first row; False where the database takes none such."""
    value = {**BAD, **MISSING, **WITHIN}[bad]
    value = value.replace("COLUMN", column).replace("TABLE", table)
    if bad in MISSING:  # though SQLite would not let it
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
    with closing(sqlite3.connect(path)) as connection, connection:
        try:
            connection.execute(
                f"UPDATE {table} SET {column} = {value}"
                f" WHERE rowid = (SELECT min(rowid) FROM {table})"
            )
        except sqlite3.IntegrityError:
            return False
    return True


@pytest.mark.parametrize(("table", "column", "bad"), sampled())
def test_one_bad_cell(
    table: str,
    column: str,
    bad: str,
    whole: bytes,
    tmp_path: Path,
    messages: Messages,
) -> None:
    (tmp_path / "runs.db").write_bytes(whole)
    if not spoil(tmp_path / "runs.db", table, column, bad):
        return
    for arguments in random.Random(f"{table} {column} {bad}").sample(COMMANDS, 2):
        code, shown = messages(arguments)
        assert "Traceback" not in shown
        assert code in (0, 1, 2), shown
        if bad not in WITHIN and "this database is damaged: " in shown:
            assert f"damaged: {table} " in shown


IMPOSSIBLE = {
    "candidates SET val_acc = 7.5": (
        ["status"],
        ["list"],
        ["report", "leaderboard"],
        ["show", "best"],
    ),
    "candidates SET number = -1 - number": (["show", "best"], ["report", "coverage"]),
    "candidates SET spec = json_set(spec, '$.recipe.epochs', -3)": (["report", "failures"],),
    "attempts SET val_acc = -0.5": (["show", "0"], ["report", "family_yield"]),
    "attempts SET test_acc = 7.5": (["show", "0"], ["report", "leaderboard"]),
    "attempts SET epochs = -3": (["show", "0"], ["report", "failures"]),
    "attempts SET seconds = -60": (["show", "0"], ["report", "leaderboard"]),
    "epochs SET val_acc = 2": (["show", "0"], ["report", "--html", "page.html"]),
    "epochs SET usage = '[-2.0, 3.0]'": (["show", "0"],),
    "experts SET val_acc = 7.5": (["show", "0"], ["report", "--html", "page.html"]),
    "campaigns SET worked_seconds = -60": (["status"], ["list"]),
    "screened SET uniform = 7.5": (["report", "screen"],),
    "screens SET experts = json_set(experts, '$[0].val_acc', 7.5)": (
        ["report", "screen_families"],
    ),
}
"""Values that no program wrote, and commands that would show them."""


@pytest.mark.parametrize("change", IMPOSSIBLE)
def test_an_impossible_value_is_shown_by_no_command(
    change: str, whole: bytes, tmp_path: Path, messages: Messages
) -> None:
    (tmp_path / "runs.db").write_bytes(whole)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute(f"UPDATE {change}")
    for words in IMPOSSIBLE[change]:
        code, shown = messages(words)
        assert code == 1, shown
        assert f"this database is damaged: {change.split()[0]} " in shown
        assert "Warning" not in shown


@pytest.mark.parametrize("page", [3, 9, 17, 30])
def test_a_bad_page(page: int, whole: bytes, tmp_path: Path, messages: Messages) -> None:
    content = bytearray(whole)
    content[4096 * page : 4096 * (page + 1)] = random.Random(page).randbytes(4096)
    (tmp_path / "runs.db").write_bytes(content)
    code, shown = messages(["doctor", "--json"])
    assert code == 1, shown
    for arguments in (["report", "leaderboard"], ["show", "#0"]):
        code, shown = messages(arguments)
        assert "Traceback" not in shown
        assert code in (0, 1), shown


@pytest.mark.parametrize("words", [["status"], ["list"], ["doctor"], ["report", "leaderboard"]])
def test_a_schema_that_is_no_utf_8(
    words: list[str], whole: bytes, tmp_path: Path, messages: Messages
) -> None:
    """SQLite's message quotes the schema, and Python cannot decode it."""
    spoiled = bytearray(whole)
    spoiled[whole.index(b"PRIMARY KEY", whole.index(b"manifest BLOB")) + 9] |= 0x80
    (tmp_path / "runs.db").write_bytes(spoiled)
    code, shown = messages(words)
    assert code == 1
    assert "this database is damaged" in shown
    assert "Traceback" not in shown


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real campaign of a template without families: one candidate done, one begun."""
    folder = tmp_path_factory.mktemp("half done")
    thaw("nano", folder)
    Ledger(folder / "runs.db", read_only=False).close()
    return folder


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("candidates SET number = 9 WHERE id = 2", 0, "frozen: done. 2 ok"),
        ("candidates SET micro_batches = 3 WHERE id = 2", 0, "frozen: done. 2 ok"),
        (
            "candidates SET owner = 'elsewhere/5/5/x', lease_until = 4e9 WHERE id = 2",
            *(0, "frozen: done. 2 ok"),
        ),
        (
            "candidates SET spec = json_set(spec, '$.recipe.lr', 0.5) WHERE id = 2",
            *(1, "damaged: candidates 2: its key is"),
        ),
        (
            f"candidates SET owner = '{socket.gethostname()}/-5/1/x',"
            " lease_until = 30 + strftime('%s', 'now') WHERE id = 2",
            *(1, "is not a driver"),
        ),
        ("candidates SET spec = NULL WHERE id = 1", 1, "damaged: candidates 1: spec is missing"),
        ("attempts SET outcome = NULL, epochs = 0 WHERE id = 2", 0, "frozen: done. 2 ok"),
    ],
)
def test_a_damaged_campaign_is_gone_on_with_or_refused(
    change: str,
    code: int,
    words: str,
    half_done: Path,
    tmp_path: Path,
    messages: Messages,
    consent: Callable[..., None],
) -> None:
    shutil.copytree(half_done, tmp_path, dirs_exist_ok=True)
    consent(Path("templates/nano.py.j2"))
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute(f"UPDATE {change}")
    ended, shown = messages(["resume", "--executor", "inline", "--trials", "2"])
    assert "Traceback" not in shown
    assert ended == code, shown
    assert words in shown


def test_what_is_missing_is_named_by_every_command_and_nothing_else(
    whole: bytes, tmp_path: Path, messages: Messages
) -> None:
    (tmp_path / "runs.db").write_bytes(whole)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute("ALTER TABLE attempts DROP COLUMN message")
        connection.execute("DROP TABLE epochs")
    parts = ["attempts …: the column message is missing", "epochs …: the table is missing"]
    assert Ledger(tmp_path / "runs.db").check() == parts
    for command in (["show", "#0"], ["report", "failures"]):
        code, shown = messages(command)
        assert code == 1
        assert f"damaged: {parts[0]}" in shown


def test_what_fails_for_another_reason_is_not_blamed_on_rows(
    whole: bytes,
    tmp_path: Path,
    messages: Messages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "runs.db").write_bytes(whole)

    def fails(*_: object) -> None:
        raise KeyError("a mistake of \x1b ours")

    monkeypatch.setattr("nas.ledger.summary.summary", fails)
    code, shown = messages(["status"])
    assert code == 1
    assert shown.startswith("nas: Traceback")
    assert "KeyError: 'a mistake of \\x1b ours'" in shown
