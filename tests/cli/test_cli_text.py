"""Whatever names, messages and files hold, no command prints it as more than text.

Every command that there is has a line in PRINTED: a new one fails here until it is tried too.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import HOSTILE, MARKUP, hidden
from ledger_maker import CODE, INPUTS, Maker
from test_cli_help import commands

import nas
from nas.cli.__main__ import main
from nas.cli.console import console
from nas.ledger import Ledger
from nas.ledger.screens import SCORES, put_screen
from nas.report.page import page_data, to_json
from nas.schema import (
    Choice,
    ExpertAxis,
    Member,
    Outcome,
    Role,
    ScreenConfig,
    SearchConfig,
    Space,
    Status,
)
from nas.schema.visible import visible, visible_json

SETTING = HOSTILE.replace("\0", "")
"""SQLite ends JSON's texts at their first NUL, and no file can put one into a space."""
SPACE = Space(
    name=HOSTILE,
    description=HOSTILE,
    experts=ExpertAxis(
        k=2, families={f"{n}{HOSTILE.replace('+', '')}": (Member(model=f"m{n}"),) for n in range(4)}
    ),
    choices=(Choice(name="mixing", values=(SETTING, "soft")),),
)
YAML = """\
description: "\\e]0;owned\\a [red]x[/red] [/] \\u202E"
experts: {choose: 2, families: {ant: [test_resnet], bee: [test_vit]}}
"""
NOWHERE = "\x1b]0;owned\x07[red]x[/red]\u202e"
"""Typed, or in the environment: a name that nothing has."""

PRINTED: dict[str, list[list[str]]] = {
    "search": [
        ["search", "mine", "--dry-run", "--trials", "1"],
        ["search", NOWHERE],
        ["search", "--frobnicate\x1b"],
        ["search", "--name", NOWHERE],
        ["search", "--from-report", "", "--trials", "1"],
    ],
    "resume": [["resume"], ["resume", NOWHERE], ["resume", "-c", NOWHERE]],
    "confirm": [["confirm"], ["confirm", "-c", NOWHERE]],
    "bank": [["bank", NOWHERE], ["bank", "mine", "--dataset", NOWHERE]],
    "screen": [["screen", "mine"], ["screen", "--dataset", NOWHERE]],
    "trust": [["trust"], ["trust", NOWHERE], ["trust", "analysis"]],
    "status": [["status"], ["status", "--json"], ["status", "-c", NOWHERE]],
    "report": [
        ["report"],
        ["report", NOWHERE],
        ["report", "mine"],
        *(["report", name] for name in ("leaderboard", "failures", "family_yield", "screen")),
        *(["report", "failures", "-f", form] for form in ("csv", "json", "md", "latex")),
    ],
    "show": [["show", "#0"], ["show", "#1"], ["show", "#0", "--json"], ["show", "#0", "--code"]],
    "export": [["export", "#0", "-o", "out", "--code-only"], ["export", "#1", "-o", NOWHERE]],
    "diagnose": [["diagnose", "#0"], ["diagnose", NOWHERE], ["diagnose", "#0", "--only", NOWHERE]],
    "list": [["list"], ["list", "--json"], ["list", "-f", "latex"]],
    "rm": [["rm", NOWHERE], ["rm", ""]],
    "compare": [["compare", "", ""], ["compare", "", NOWHERE], ["compare", "", "", "-f", "md"]],
    "new": [["new", NOWHERE]],
    "plan": [["plan", "mine", "--trials", "9"], ["plan", "mine", "--trials", "9", "--like", ""]],
    "replay": [["replay", NOWHERE]],
    "backup": [["backup", "copy\x1b[2J.db"], ["backup", "runs.db"], ["backup", f"{NOWHERE}/a"]],
    "dashboard": [["dashboard", "-c", NOWHERE]],
    "export-study": [["export-study", "-o", "study.db"]],
    "spaces": [["spaces"], ["spaces", "--json"], ["spaces", "--new", NOWHERE]],
    "families": [["families", NOWHERE]],
    "data": [["data"]],
    "data get": [["data", "get", NOWHERE]],
    "weights": [["weights"]],
    "weights get": [["weights", "get", NOWHERE], ["weights", "get", "mine"]],
    "doctor": [["doctor"], ["doctor", "--json"], ["doctor", "--db", NOWHERE]],
}
SHOWN = (["status"], ["report", "failures"], ["report", "leaderboard", "-f", "csv"], ["show", "#0"])
"""Where a hostile name or message is sure to stand, as it was written."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which nobody's text means well."""
    folder = tmp_path_factory.mktemp("hostile")
    config = SearchConfig(dataset=HOSTILE, executor="local", log=HOSTILE, trials=3)
    maker = Maker(folder / "runs.db", space=SPACE, name=HOSTILE, **config.model_dump(mode="json"))
    maker.environment = maker.store.environment({"python": HOSTILE, "gpus": [HOSTILE]})
    inputs = INPUTS.with_(class_names=(HOSTILE, "b"))
    sound = maker.trained("m0", "m1", val=0.5, inside=(0.4, 0.3), mixing=SETTING)
    failed = Outcome(status=Status.CRASH, stage=HOSTILE, message=HOSTILE, detail=HOSTILE)
    maker.finish(maker.draw("m1", "m2"), failed.with_(inputs=inputs))
    maker.draw("m2", "m3", mixing=SETTING)
    maker.control("m0", 0.4)
    maker.store.plan(Role.CONFIRM, [])
    for kind in ("benched", "failing", "coverage"):
        maker.store.event(kind, family=HOSTILE, why=HOSTILE, flagged_at=1, after=6, drawn=1)
    names = {"families": "+".join(sound.candidate.families), "members": "m0+m1"}
    row = {**names, **dict.fromkeys(SCORES, 0.5)}
    sizes = {"total": 1, "val_images": 9, "test_images": 9, "seconds": 1.0}
    put_screen(maker.ledger, SPACE, ScreenConfig(dataset=HOSTILE), [], [row], **sizes)
    maker.ledger.close()
    for kind, name, text in (
        ("search_spaces", "mine.yaml", YAML),
        ("search_spaces", "bad\x1b[2J[red].yaml", f"x: {MARKUP}"),
        ("analysis", "mine.py", f'"""Q \x1b]0;owned\x07 {MARKUP}"""\n\ndef table(data): 1 / 0\n'),
        ("templates", "mine.py.j2", f'"""\x1b]0;owned\x07 {MARKUP}"""\n{CODE}'),
    ):
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / name).write_text(text)
    return folder


@pytest.fixture
def spoken(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str]], str]:
    monkeypatch.chdir(place)
    monkeypatch.setattr(console, "_width", 500)  # COLUMNS counts only before its first use

    def run(arguments: list[str]) -> str:
        monkeypatch.setattr(sys, "argv", ["nas", *(word or HOSTILE for word in arguments)])
        with pytest.raises(SystemExit):
            main()
        shown = capsys.readouterr()
        return shown.out + shown.err

    return run


def test_every_command_is_tried() -> None:
    assert {" ".join(command) for command in commands()} == set(PRINTED)


@pytest.mark.parametrize(
    "arguments", [line for lines in PRINTED.values() for line in lines], ids=ascii
)
def test_no_command_prints_more_than_text(
    arguments: list[str], spoken: Callable[[list[str]], str], place: Path
) -> None:
    shown = spoken(arguments)
    assert shown
    assert not hidden(shown)
    assert "Traceback" not in shown
    if "--json" in arguments or "json" in arguments:
        shown = json.dumps(json.loads(shown), ensure_ascii=False)
    if "[red]x" in shown:
        assert "[red]x[/red]" in shown
    if (place / "out").exists():
        assert not hidden((place / "out" / "README.md").read_text())
        shutil.rmtree(place / "out")


def test_nor_does_the_page(place: Path) -> None:
    made = to_json(page_data(Ledger(place / "runs.db"))).decode()
    assert visible_json(made) == made
    assert json.loads(made)["campaign"] == visible(HOSTILE)


def test_nothing_is_printed_another_way() -> None:
    """Rich's own console reads markup, and typer's echo passes all on; ruff forbids print."""
    other = re.compile(r"typer\.(echo|secho|confirm|prompt)\(|(?<!\w)Console\(|from_markup\(")
    allowed = {"cli/console.py", "cli/__main__.py", "report/terminal.py"}
    room = Path(nas.__file__).parent
    found = {
        str(path.relative_to(room)): found[0]
        for path in room.rglob("*.py")
        if (found := other.search(path.read_text()))
    }
    assert {name: how for name, how in found.items() if name not in allowed} == {}


def test_nor_the_environment(
    spoken: Callable[[list[str]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_DB", NOWHERE)
    shown = spoken(["status"])
    assert not hidden(shown)
    assert "\\x1b]0;owned\\x07[red]x[/red]\\u202e" in shown


@pytest.mark.parametrize("arguments", SHOWN, ids=" ".join)
def test_and_shows_it_whole(arguments: list[str], spoken: Callable[[list[str]], str]) -> None:
    assert "[red]x[/red]" in spoken(arguments)
    assert "[/]" in spoken(arguments)
