"""Absurd numbers are refused, before anything is written, by every option that takes one."""

import inspect
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
import typer
from test_cli_help import commands

from nas.cli.__main__ import main
from nas.cli.app import app
from nas.ledger import Ledger
from nas.schema import SearchConfig
from nas.space import load

NEEDED = {
    "show": ["#0"],
    "export": ["#0", "-o", "out"],
    "export-study": ["-o", "study.db"],
    "plan": ["--trials", "9"],
    "data get": ["digits"],
    "spaces": ["--new", "x"],
    "new": ["x"],
}
"""What a command cannot do without, to come as far as the option."""
TYPED = {
    "--budget": ["0s", "-3h", "nan", "inf", f"{'9' * 400}d", "9999999999d", "1e9"],
    "--time-limit": ["0s", "-3h", "nan", "inf", f"{'9' * 400}d", "9999999999d", "1e9"],
    "--max-size": ["0", "-1G", "nan", "inf", f"{'9' * 400}T"],
    "--max-params": ["-1M", "nan", "inf", f"{'9' * 400}M"],
    "--keep-weights": ["best:0", "best:-1", f"best:{'9' * 30}", "best:nan"],
}
"""Amounts that are typed as words."""


def numbers() -> dict[tuple[str, str], list[str]]:
    """Of every option of every command that takes a number, those that it must refuse."""
    found = {}
    for path in commands():
        command = typer.main.get_command(app)
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]
        # A command that takes groups of options has a signature of its own, with each of them.
        callback = inspect.unwrap(command.callback, stop=lambda f: hasattr(f, "__signature__"))  # type: ignore[arg-type]
        kinds = get_type_hints(callback)
        for parameter in command.params:
            option = max(parameter.opts, key=len)
            kind = kinds.get(parameter.name)
            if kind in (int, int | None):
                words = ["-1", str(10**30), "nan", "inf", "1.5"]
            elif kind in (float, float | None):
                words = ["-1", "nan", "inf", "-inf", "1e999"]
            else:
                words = TYPED.get(option, [])
            if words:
                found[" ".join(path), option] = words
    return found


NUMBERS = numbers()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a ledger that has a campaign, for commands that go on with one."""
    folder = tmp_path_factory.mktemp("numbers")
    ledger = Ledger(folder / "runs.db", read_only=False)
    config = SearchConfig(executor="inline")
    ledger.create_campaign("c", load("tiny"), config)
    ledger.close()
    return folder


def files(place: Path) -> list[str]:
    """What lies there; that a ledger is read leaves SQLite's own files beside it."""
    return sorted(path.name for path in place.iterdir() if not path.name.startswith("runs.db-"))


def test_there_are_options_to_try() -> None:
    assert {option for _, option in NUMBERS} >= {*TYPED, "--epochs", "--noise", "--port"}


@pytest.mark.parametrize(("command", "option"), NUMBERS, ids=str)
def test_absurd_numbers_are_refused(
    command: str,
    option: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    before = files(place)
    kept = Ledger("runs.db").campaign().config
    for word in NUMBERS[command, option]:
        line = ["nas", *command.split(), *NEEDED.get(command, []), option, word]
        monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as ended:
            main()
        messages = capsys.readouterr().err
        assert ended.value.code == 2, (word, messages)
        assert option in messages, (word, messages)
    assert files(place) == before
    assert Ledger("runs.db").campaign().config == kept


@pytest.mark.parametrize(
    "requests",
    [
        ["--epochs", "20000"],
        ["--batch-size", "1000000"],
        ["--gpus", "999"],
        ["--log", "nonesuch"],
        ["--executor", "nonesuch"],
        ["--sampler", "screen"],
        ["--prefer", "nonesuch"],
        ["--sampler", "tpe", "--prefer", "resnet"],
        ["--keep-weights", "some"],
        ["heads", "--set", "recipe.losses.load=1"],
    ],
    ids=" ".join,
)
def test_a_dry_run_refuses_what_a_run_would(
    requests: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    ends = []
    for more in ([], ["--dry-run", "--render", "out"]):
        monkeypatch.setattr(sys, "argv", ["nas", "search", *requests, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        ends.append((ended.value.code, capsys.readouterr().err))
    assert ends[0] == ends[1]
    assert ends[0][0] in (1, 2)
    assert not (tmp_path / "out").exists()
