"""Bad input gives one clear line and the right exit code; never a traceback, never a loss."""

import sqlite3
from pathlib import Path

import pytest
from real_nas import run as nas

SPACE = """\
experts:
  choose: 4
  families:
    resnet: [test_resnet]
    vit: [test_vit]
    efficientnet: [test_efficientnet]
"""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "tyni"], 1, ["tyni", "did you mean tiny"]),
        (["search", "few.yaml"], 1, ["few.yaml:2", "4 experts", "3 given"]),
        (["search", "--sampler", "stratifed"], 1, ["stratifed", "did you mean stratified"]),
        (["search", "--executor", "rai"], 1, ["rai", "ray"]),
        (["search", "--dataset", "cifar11"], 1, ["cifar11", "did you mean cifar10"]),
        (["search", "--dataset", "cifar10"], 1, ["nas data get cifar10"]),
        (["search", "--dataset", "folder:empty"], 1, ["empty"]),
        (["search", "--budget", "28 days"], 2, ["28 days", "28d"]),
        (["search", "--budget", "-3h"], 2, ["-3h", "12h"]),
        (["search", "--trials", "0"], 2, ["--trials"]),
        (["search", "--keep-weights", "some"], 2, ["--keep-weights", "best:N"]),
        (["search", "--scheduler", "sometimes"], 2, ["--scheduler"]),
        (["search", "--render", "out"], 2, ["--dry-run"]),
        (["search", "--frobnicate"], 2, ["--frobnicate"]),
        (["search", "--gpus", "1", "--db", "new.db"], 1, ["GPU"]),
        (["search", "--db", "text.db"], 1, ["text.db", "not a database"]),
        (["search", "--db", "other.db"], 1, ["other.db", "something else than a ledger"]),
        (["search", "--db", "no/such/folder.db"], 1, ["folder.db", "cannot be opened"]),
        (["search", "unknown.yaml"], 1, ["unknown.yaml:4", "test_resnett", "did you mean"]),
        (["search", "--dry-run", "--name", "nonesuch", "--db", "ledger.db"], 1, ["nonesuch"]),
        (["spaces", "--new", "a/../b"], 1, ["a/../b", "letters"]),
        (["report", "failures", "--db", "ledger.db", "-f", "md", "-o", "no/x.md"], 1, ["no/x.md"]),
        (["status"], 1, ["no ledger", "nas search"]),
        (["status", "--db", "text.db"], 1, ["not a database"]),
        (["resume", "--db", "ledger.db", "nonesuch"], 1, ["nonesuch"]),
        (["report", "family_yeild", "--db", "ledger.db"], 1, ["did you mean family_yield"]),
        (["show", "abc", "--db", "ledger.db"], 1, ["abc"]),
        (["doctor", "--db", "text.db"], 1, ["not a database"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_one_clear_line(arguments: list[str], code: int, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "few.yaml").write_text(SPACE)
    (tmp_path / "unknown.yaml").write_text(SPACE.replace("4", "2").replace("resnet]", "resnett]"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.db").write_text("no database at all, but a text of some length\n" * 50)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE something (id INTEGER)")
    other.close()
    from test_cli_help import make_ledger

    make_ledger(tmp_path / "ledger.db")
    before = {path: path.read_bytes() for path in tmp_path.glob("*.db")}
    done = nas(*arguments, cwd=tmp_path)
    said = done.stderr + done.stdout
    assert done.returncode == code, said
    assert "Traceback" not in said
    for word in words:
        assert word in said, said
    if code == 1 and arguments[0] != "doctor":
        assert len(done.stderr.strip().splitlines()) == 1, said
    for path in ("text.db", "other.db"):
        assert (tmp_path / path).read_bytes() == before[tmp_path / path]


def test_a_refused_resume_changes_nothing(tmp_path: Path) -> None:
    from nas.campaign import CampaignConfig
    from nas.ledger import Ledger
    from nas.space import load

    config = CampaignConfig(trials=1).model_dump(mode="json")
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    ledger.create_campaign("c", load("tiny"), config)
    done = nas("resume", "--gpus", "8", cwd=tmp_path)
    assert done.returncode == 1
    assert "8 GPUs wanted" in done.stderr
    assert ledger.campaign("c").config == config
