"""How a campaign's end is told: an exit code, and a next command that can be typed."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from ledger_maker import Maker
from planted_screen import planted
from real_nas import SPACE, command, environment, inside, run

from nas.campaign.run import RunResult
from nas.campaign.screen import ScreenRun
from nas.campaign.stopping import SPENT
from nas.cli.run_and_print import _closing_line, _print_tables
from nas.cli.screen import print_screen
from nas.ledger.summary import summary
from nas.schema import Role
from nas.schema.duration import parse_duration

TEMPLATE = '''"""A network that trains in a moment, or fails."""

import torch
from torch import nn

FAILS = {{ axis("fails", False) | literal }}


class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3 * 64, num_classes)

    def forward(self, x):
        if FAILS:
            raise RuntimeError("as it was asked to")
        return self.head(x.flatten(1))


def build(num_classes):
    return Net(num_classes)
'''


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "brief.py.j2").write_text(TEMPLATE)
    for name, fails in (("sound", "false"), ("failing", "true")):
        text = "template: brief\nimage_size: 8\nchoices: {fails: [%s]}\n"
        recipe = "recipe: {epochs: 1, batch_size: 512, mixup_alpha: 0, augment: none}\n"
        (tmp_path / f"{name}.yaml").write_text(text.replace("%s", fails) + recipe)
    return tmp_path


def search(space: str, here: Path, *more: str) -> tuple[int, str, list[str]]:
    """Exit code, what was said, and the words of the next command."""
    done = inside(
        *("search", f"{space}.yaml", "--executor", "inline", "--no-controls", "--trials", "1"),
        *more,
        cwd=here,
    )
    messages = done.stdout + done.stderr
    tail = next(line for line in messages.splitlines() if "Next: " in line).partition("Next: ")[2]
    return done.returncode, messages, shlex.split(tail)


def test_the_closing_line_counts_replicates_apart(tmp_path: Path) -> None:
    def counts() -> str:
        line = _closing_line(
            maker.ledger, "first", RunResult(None), summary(maker.ledger), confirmed=False
        )
        return line.partition(";")[0]

    maker = Maker(tmp_path / "runs.db")
    assert counts() == "first: done. nothing drawn"
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.failed("ant_s", "cat_s")
    maker.draw("ant_s", "dog_s")
    assert counts() == "first: done. 1 ok, 1 oom, 1 unfinished"
    maker.trained("ant_s", "bee_s", val=0.5, replicate=1, role=Role.REPLICATE)
    assert counts() == "first: done. 1 ok, 1 oom, 1 unfinished, 1 replicate ok"
    maker.trained("ant_s", "bee_s", val=0.5, replicate=2, role=Role.REPLICATE)
    maker.draw("ant_s", "bee_s", replicate=3, role=Role.REPLICATE)
    assert counts().endswith("2 replicates ok, 1 replicate unfinished")


@pytest.mark.parametrize(
    ("budget", "worked", "next_budget"),
    [(4.0, 16.4, "33s"), (480.0, 481.0, "17m"), (480.0, 479.9, "16m"), (7200.0, 90000.5, "51h")],
)
def test_the_next_budget_is_above_what_was_worked(
    tmp_path: Path, budget: float, worked: float, next_budget: str
) -> None:
    """The last trial is trained to its end, so a short budget is exceeded manifold."""
    maker = Maker(tmp_path / "runs.db")
    found = summary(maker.ledger).with_(budget_seconds=budget, worked_seconds=worked)
    line = _closing_line(maker.ledger, "first", RunResult(SPENT), found, confirmed=False)
    typed = shlex.split(line)
    assert typed[typed.index("--budget") + 1] == next_budget
    assert parse_duration(next_budget) > worked


def test_tables_at_the_end_have_their_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maker = Maker(tmp_path / "runs.db", sampler="uniform", dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.1)
    _print_tables(maker.ledger, "first", confirmed=False)
    messages = " ".join(capsys.readouterr().out.split())
    assert "campaign first; effects and synergies on final validation accuracy" in messages
    assert "none of 1 run learned" in messages


def test_an_own_analysis_of_a_screen_needs_no_note(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    consent: Callable[..., None],
) -> None:
    ledger = planted(tmp_path, noise=0.02).ledger
    own = tmp_path / "analysis" / "screen.py"
    own.parent.mkdir()
    own.write_text('"""Mine?"""\n\n\ndef table(data):\n    return data.screened.head(1)\n')
    consent(own)
    monkeypatch.chdir(tmp_path)
    print_screen(ledger, ScreenRun(1, 28, 28, (), 1.0))
    assert "Mine?" in capsys.readouterr().out


def test_ctrl_c_in_pre_flight_names_the_command_that_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    maker = Maker(tmp_path / "runs.db", sampler="uniform", dataset="digits", executor="inline")
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.ledger.close()
    # In this order: imported later, confirm would keep the other one for good.
    monkeypatch.setattr("nas.campaign.confirm.confirm", interrupted)
    monkeypatch.setattr("nas.campaign.run.run", interrupted)
    for words in (["resume", "-c", "first"], ["confirm", "-c", "first", "--top", "2"]):
        done = inside(*words, cwd=tmp_path)
        assert done.returncode == 130
        typed = shlex.split(done.stderr.strip().splitlines()[-1].partition("Continue with: ")[2])
        assert typed[1 : len(words) + 1] == words
    assert typed[-2:] == ["--seeds", "3"]
    (tmp_path / "five.yaml").write_text(SPACE)
    done = inside("bank", "five.yaml", "-d", "digits", cwd=tmp_path)
    assert done.returncode == 130
    assert "before the first trial. The same command continues." in done.stderr


@pytest.mark.parametrize("module", ["nas.import_path", "nas.schema", "nas.cli.app", "nas.ledger"])
def test_ctrl_c_while_modules_are_loaded_is_a_quiet_end(module: str) -> None:
    program = f"""
import sys
class Interrupts:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
from nas.cli.__main__ import main
sys.argv = ["nas", "status"]
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def printing_to(
    stdout: IO[str] | int, *words: str, cwd: Path
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*words),
        cwd=cwd,
        env=environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize(
    "words", [["--help"], ["spaces"], ["list"], ["report", "leaderboard", "-f", "csv"], ["trust"]]
)
def test_a_reader_that_has_seen_enough_is_no_error(words: list[str], tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.ledger.close()
    reader, writer = os.pipe()
    os.close(reader)
    done = printing_to(writer, *words, cwd=tmp_path)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_tables_that_a_full_disk_swallows_are_missed(here: Path) -> None:
    """The campaign is done, but whoever reads the file must hear of it."""
    with Path("/dev/full").open("w") as full:
        done = printing_to(
            full,
            *("search", "sound.yaml", "--executor", "inline", "--no-controls", "--trials", "1"),
            *("-q", "-d", "digits"),
            cwd=here,
        )
    assert done.returncode == 1
    assert "no space left on device" in done.stderr
    counts = json.loads(inside("status", "--json", cwd=here).stdout)["counts"]
    assert counts["search"] == {"ok": 1}


def test_nothing_succeeded(here: Path) -> None:
    code, messages, words = search("failing", here)
    assert code == 1
    assert "no candidate has succeeded" in messages
    assert words == ["nas", "report", "failures", "-c", "failing-digits"]


def test_the_next_command_can_be_typed(here: Path) -> None:
    (here / "it's a folder?").mkdir()
    db = "it's a folder?/my runs.db"
    code, messages, words = search("sound", here, "--name", "two words", "--db", db)
    assert code == 0
    assert "no candidate" not in messages
    expected = ["nas", "confirm", "-c", "two words", "--db", str(here / db)]
    assert words == expected
    assert inside("status", *words[2:], cwd=here).returncode == 0
    again = inside("search", "sound.yaml", "--name", "two words", "--db", db, cwd=here)
    assert again.returncode == 2
    typed = f"nas resume -c 'two words' --db {shlex.quote(str(here / db))}"
    assert typed in again.stderr


def test_the_remedy_for_weights_that_were_not_kept_gives_some(here: Path) -> None:
    search("sound", here, "--keep-weights", "none")
    refused = inside("export", "best", "-o", "model", cwd=here)
    assert "`nas confirm` trains leaders again and keeps the weights" in refused.stderr
    assert inside("confirm", "--top", "1", "--seeds", "1", cwd=here).returncode == 0
    assert inside("export", "confirm 0", "-o", "model", cwd=here).returncode == 0
    words = ("confirm", "--top", "1", "--seeds", "2", "--keep-weights", "none")
    assert inside(*words, cwd=here).returncode == 0
    assert inside("export", "confirm 1", "-o", "other", cwd=here).returncode == 1


def test_a_hint_names_no_ledger_that_is_taken_anyhow(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_DB", str(here / "mine.db"))
    _, _, words = search("sound", here)
    assert "--db" not in words
    assert (here / "mine.db").exists()


ABSENT = """\
from importlib.machinery import PathFinder

GONE = {"ray", "optuna", "plotly", "mlflow", "tensorboardX", "tensorboard", "curvlinops"}
real = PathFinder.find_spec


def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in GONE else real(name, path, target)


PathFinder.find_spec = find_spec
"""


@pytest.mark.proof
def test_nothing_but_what_is_used_need_be_installed(here: Path) -> None:
    """In this process and in every child of it."""
    (here / "hidden").mkdir()
    (here / "hidden" / "sitecustomize.py").write_text(ABSENT)
    path = {"PYTHONPATH": os.pathsep.join([str(here / "hidden"), os.environ.get("PYTHONPATH", "")])}
    requests = ("--trials", "1", "--no-controls", "--workers", "1")
    done = run("search", "sound.yaml", *requests, "--executor", "local", cwd=here, **path)
    assert done.returncode == 0, done.stderr
    assert "done. 1 ok" in done.stdout
