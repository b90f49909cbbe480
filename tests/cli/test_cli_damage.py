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
from ledger_filled import fill
from ledger_maker import Maker
from real_nas import inside

from nas.ledger import Ledger
from nas.ledger.models import Base
from nas.schema import Choice, ExpertScore, Outcome, Space, Status

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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A ledger with a row in every table, as one file."""
    path = tmp_path_factory.mktemp("whole") / "runs.db"
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    assert Ledger(path).check() == []
    return path.read_bytes()


@pytest.fixture
def messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Messages:
    """Exit code and output of a command."""
    monkeypatch.chdir(tmp_path)

    def run(arguments: list[str]) -> tuple[int, str]:
        done = inside(*arguments, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    return run


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


SPOILT = {
    "candidates 1: spec is": "candidates SET spec = '{\"a'",
    "candidates 1: code is": "candidates SET code = x'00ff'",
    "candidates 1: its key is": "candidates SET key = 'abc'",
    "candidates 1: its families are": "candidates SET families = 'cat+dog'",
    "candidates 1: recipe.epochs: 20000 should be": (
        "candidates SET spec = json_set(spec, '$.recipe.epochs', 20000)"
    ),
    "candidates 1: there is no role 'boss'": "candidates SET role = 'boss'",
    "candidates 1: there is no outcome 'fine'": "candidates SET outcome = 'fine'",
    "candidates 1: val_acc is 1.5: not between 0 and 1": "candidates SET val_acc = 1.5",
    "candidates 1: finished_at is before drawn_at": "candidates SET finished_at = 5",
    "candidates 1: its result is from attempt 99": "candidates SET final_attempt = 99",
    "candidates 1: its result is from attempt 2": "candidates SET final_attempt = 2",
    "candidates 1: it has a result without": "candidates SET final_attempt = NULL",
    "candidates 1: campaign_id is 7": "candidates SET campaign_id = 7",
    "candidates 1: 'me' is not a driver": "candidates SET owner = 'me'",
    "campaigns 1: recipe.epochs: 20000 should be": (
        "campaigns SET space = json_set(space, '$.recipe.epochs', 20000)"
    ),
    "campaigns 1: trials: 0 should be": "campaigns SET config = json_set(config, '$.trials', 0)",
    "campaigns 1: there is no state 'tired'": "campaigns SET state = 'tired'",
    "attempts 1: epochs is -1: negative": "attempts SET epochs = -1",
    "attempts 1: val_loss is 'low': not a number": "attempts SET val_loss = 'low'",
    "attempts 1: test_acc is -0.1": "attempts SET test_acc = -0.1",
    "attempts 1: environment_id is 9": "attempts SET environment_id = 9",
    "attempts 1: message is": "attempts SET message = CAST(x'ff41' AS TEXT)",
    "epochs 1/1: train_acc is inf: not finite": "epochs SET train_acc = 9e999",
    "epochs 1/1: usage is": "epochs SET usage = '[1, \"a\"]'",
    "epochs 99/1: attempt_id is 99": "epochs SET attempt_id = 99",
    "events 1: its data are not an object": "events SET data = '[1]'",
    "inputs 1: digest is 'd': not in the expected format": "inputs SET digest = 'd'",
    "inputs 1: its data do not match": "inputs SET data = json_set(data, '$.std[0]', 0.125)",
    "attempts 1: weights is '../w'": "attempts SET weights = '../w'",
    "experts 1/0: its model other is not in": "experts SET model = 'other'",
    "screens 1: experts is": "screens SET experts = 'null'",
    "probes": "probes SET probe = '{}'",
    "its conditions and member do not match": (
        "probes SET conditions = json_set(conditions, '$.image_size', 64)"
    ),
    "environments 1: its data do not match": "environments SET data = '{}'",
    "attempts 1: its number is 2": "attempts SET number = 2",
    "epochs 1/77: its attempt has": "epochs SET epoch = 77",
    "candidates 1: its number is 70, but": "candidates SET number = 70",
    "candidates 1: 'h/-5/1/x' is not a driver": "candidates SET owner = 'h/-5/1/x'",
}
"""What the doctor says of a row, by how it was spoilt."""


@pytest.mark.parametrize("words", SPOILT)
def test_the_doctor_names_the_row(words: str, whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(whole)
    table = SPOILT[words].split()[0]
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute(f"UPDATE {SPOILT[words]} WHERE rowid = (SELECT min(rowid) FROM {table})")
    found = Ledger(tmp_path / "runs.db").check()
    assert any(words in line for line in found), found


def test_experts_that_a_template_builds_are_sound(tmp_path: Path) -> None:
    """Their candidate names no model of timm."""
    space = Space(name="own", choices=(Choice(name="mixing", values=("soft",)),))
    maker = Maker(tmp_path / "runs.db", space=space)
    inside = ExpertScore(family="expert", model="0", val_acc=0.5, test_acc=0.5, usage=1.0)
    maker.finish(maker.draw(), Outcome(status=Status.OK, val_acc=0.5, experts=(inside,)))
    assert maker.ledger.check() == []


@pytest.mark.parametrize(
    ("change", "words"),
    {
        "ALTER TABLE attempts DROP COLUMN message": "attempts …: the column message is missing",
        "ALTER TABLE attempts DROP COLUMN begun_at": "attempts …: the column begun_at is missing",
        "DROP TABLE epochs": "epochs …: the table is missing",
        f"INSERT INTO identity VALUES ('{'0a' * 16}')": "there are several ids",
    }.items(),
)
def test_the_doctor_knows_what_a_ledger_has(
    change: str, words: str, whole: bytes, tmp_path: Path
) -> None:
    (tmp_path / "runs.db").write_bytes(whole)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute(change)
    assert any(words in line for line in Ledger(tmp_path / "runs.db").check())


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


def test_the_doctor_lists_every_bad_row(whole: bytes, tmp_path: Path, messages: Messages) -> None:
    (tmp_path / "runs.db").write_bytes(whole)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute("UPDATE epochs SET val_acc = 2")
        [count] = connection.execute("SELECT count(*) FROM epochs").fetchone()
    code, shown = messages(["doctor"])
    assert code == 1
    assert shown.count("val_acc is 2.0: not between 0 and 1") == count > 3


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
