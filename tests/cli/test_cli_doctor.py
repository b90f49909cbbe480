"""What the doctor says of damaged rows, and of sound ones."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledger_maker import Maker

from nas.ledger import Ledger
from nas.schema import Choice, ExpertScore, Outcome, Space, Status

Messages = Callable[[list[str]], tuple[int, str]]

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


def test_the_doctor_lists_every_bad_row(whole: bytes, tmp_path: Path, messages: Messages) -> None:
    (tmp_path / "runs.db").write_bytes(whole)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute("UPDATE epochs SET val_acc = 2")
        [count] = connection.execute("SELECT count(*) FROM epochs").fetchone()
    code, shown = messages(["doctor"])
    assert code == 1
    assert shown.count("val_acc is 2.0: not between 0 and 1") == count > 3
