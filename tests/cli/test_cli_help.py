"""Every command speaks well: help, an example, a place in the README, and no slow imports."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from loaded_modules import loaded_by
from real_nas import inside
from typer.testing import CliRunner

from nas.cli.app import app
from nas.cli.data_sets import DOWNLOADED
from nas.data import describe
from nas.ledger.screens import SCORES
from nas.registry import EXECUTORS, TRACKERS
from nas.schema import SearchConfig
from nas.schema.scores import PREDICTORS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def walk(command: typer.core.TyperGroup, path: tuple[str, ...]) -> None:
        for name, sub in command.commands.items():
            found.append((*path, name))
            if hasattr(sub, "commands"):
                walk(sub, (*path, name))

    walk(typer.main.get_command(app), ())  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_has_help_with_an_example_and_stands_in_the_readme(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0, shown.output
    assert "Example:" in shown.output
    assert "<bool>" not in shown.output  # a flag takes no value
    assert "…" not in shown.output
    assert f"nas {' '.join(command)}" in README


def test_the_longest_help_fits_eighty_by_eighty() -> None:
    for command in commands():
        shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "80"})
        lines = shown.output.splitlines()
        assert len(lines) <= 80, command
        assert max(map(len, lines)) <= 80, command


def found(command: tuple[str, ...]) -> typer.core.TyperCommand:
    here = typer.main.get_command(app)
    for name in command:
        here = here.commands[name]  # type: ignore[attr-defined]
    assert isinstance(here, typer.core.TyperCommand | typer.core.TyperGroup)
    return here  # type: ignore[return-value]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_the_options_that_all_have(command: tuple[str, ...]) -> None:
    """One way to name a format and a campaign, to be quiet and to say more; none is left out."""
    here = found(command)
    options = {option for parameter in here.params for option in parameter.opts}
    assert {"--format", "-f", "--json"} <= options
    if not hasattr(here, "commands"):
        assert {"-q", "-v"} <= options
    assert not {"--campaign", "-c"} & options or {"--campaign", "-c"} <= options


CHOICES = {
    "--sampler": ["lexicographic", "stratified", "tpe", "uniform"],
    "--executor": [*EXECUTORS.names()],
    "--log": [*TRACKERS.names(), "none"],
    "--scheduler": ["fifo", "asha"],
    "--experts": ["scratch", "bank", "CAMPAIGN"],
    "--keep-weights": ["best:N", "all", "none"],
    "--format": ["table", "json", "csv", "md", "latex"],
    "--like": ["latest", "CAMPAIGN"],
}
"""What help shows of each option that takes one of some names."""


def test_choices_are_shown_as_choices() -> None:
    seen = set()
    for command in commands():
        for parameter in found(command).params:
            for name in set(parameter.opts) & set(CHOICES):
                assert parameter.metavar == f"[{'|'.join(CHOICES[name])}]", command
                seen.add(name)
    assert seen == set(CHOICES)


def test_what_can_be_downloaded_is_what_help_says() -> None:
    assert [k.typed for k in describe() if k.download_size] == list(DOWNLOADED)


def test_a_screen_has_every_score_that_may_choose() -> None:
    assert {name for name in SCORES if not name.endswith("_test")} == set(PREDICTORS)
    [by] = (p for p in found(("search",)).params if "--by" in p.opts)
    assert "probe | static | gate | corrected" in str(by.help)  # type: ignore[union-attr]


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["status", "--json"]])
def test_looking_imports_neither_torch_nor_ray(arguments: list[str], tmp_path: Path) -> None:
    """Also not pandas or optuna: `nas status` is asked often."""
    code = (
        "import sys\n"
        "from nas.cli.__main__ import main\n"
        f"sys.argv = ['nas', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
    )
    if arguments[0] == "status":
        make_ledger(tmp_path / "runs.db")
    heavy = {"torch", "ray", "timm", "pandas", "optuna", "sklearn"}
    assert not loaded_by(code, cwd=tmp_path) & heavy


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["spaces"]])
def test_what_needs_no_ledger_loads_no_database(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from nas.cli.__main__ import main\n"
        f"sys.argv = ['nas', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
    )
    assert not loaded_by(code, cwd=tmp_path) & {"sqlalchemy", "numpy", "psutil"}


def make_ledger(path: Path) -> None:
    from nas.ledger import Ledger
    from nas.schema import Choice, Space

    ledger = Ledger(path, read_only=False)
    ledger.create_campaign(
        "c", Space(name="s", choices=(Choice(name="a", values=(1,)),)), SearchConfig()
    )
    ledger.close()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("nas ", {"search", "resume", "report"}),
        ("nas search m", {"moe4"}),
        ("nas search --dataset ci", {"cifar10", "cifar100"}),
        ("nas search --sampler u", {"uniform"}),
        ("nas search --sampler sc", set()),  # only --from-screen uses it
        ("nas report c", {"cooccurrence", "coverage"}),
        ("nas report --campaign c", {"c"}),
        ("nas resume c", {"c"}),
        ("nas status --campaign nonesuch", set()),
    ],
)
def test_completion_knows_the_names(typed: str, offered: set[str], tmp_path: Path) -> None:
    make_ledger(tmp_path / "runs.db")
    shown = subprocess.run(
        [Path(sys.executable).with_name("nas")],
        env={
            "_NAS_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(typed.count(" ")),
            "PATH": "",
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    found = set(shown.stdout.split())
    assert offered <= found, shown.stderr
    assert bool(found) == bool(offered)
    assert shown.stderr == ""


def test_how_much_is_printed_may_stand_before_the_command(tmp_path: Path) -> None:
    assert inside("-q", "spaces", cwd=tmp_path).returncode == 0
    for words in (["-q", "spaces", "-v"], ["-v", "spaces", "-q"]):
        done = inside(*words, cwd=tmp_path)
        assert (done.returncode, "are opposites" in done.stderr) == (2, True)
