"""Docs cannot lie: commands.md is made from the commands, the README names what there is."""

import shutil
from pathlib import Path

import pytest
import typer
from test_cli_help import ROOT, commands
from tracked import tracked

from nas import resources
from nas.cli.app import app
from nas.data import describe
from nas.registry import EXECUTORS, SAMPLERS

REFERENCE = ROOT / "docs" / "commands.md"


def reference() -> str:
    """Every command with its help, arguments and options, in Markdown."""
    lines = [
        "# Commands",
        "",
        "Made from the commands themselves: `pytest tests/cli --regenerate-golden`.",
    ]
    for path in commands():
        command = typer.main.get_command(app)
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]
        lines += ["", f"## nas {' '.join(path)}", "", (command.help or "").strip(), ""]
        rows = [_row(parameter) for parameter in command.params]
        rows = [row for row in rows if row]
        if rows:
            lines += ["| argument or option | default | what it does |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _row(parameter: typer.core.TyperOption | typer.core.TyperArgument) -> str:
    if parameter.hidden:
        return ""
    if parameter.param_type_name == "argument":
        names = f"`{(parameter.name or '').upper()}`"
    else:
        names = ", ".join(f"`{n}`" for n in [*parameter.opts, *parameter.secondary_opts])
    if "--help" in names:
        return ""
    default = parameter.default
    shown = "" if default in (None, False) or parameter.required else f"`{default}`"
    return f"| {names} | {shown} | {parameter.help or ''} |"


def test_the_reference_is_made_from_the_commands(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--regenerate-golden"):
        REFERENCE.write_text(reference())
    assert REFERENCE.read_text() == reference()


def _came(folder: str, suffix: str) -> list[str]:
    """Names of what came with nas, of one kind."""
    files = resources.files(folder, suffix)
    return [name for name, path in files.items() if tracked([path])]


def test_the_readme_names_all_there_is() -> None:
    readme = (ROOT / "README.md").read_text()
    names = [
        *_came("search_spaces", ".yaml"),
        *_came("templates", ".py.j2"),
        *_came("analysis", ".py"),
        *SAMPLERS.names(),
        *EXECUTORS.names(),
        *(known.typed for known in describe()),
    ]
    missing = [name for name in names if f"`{name}`" not in readme]
    assert missing == []


def test_every_benchmark_has_its_figures() -> None:
    figures = (ROOT / "docs" / "figures.md").read_text()
    found = [path.name for path in tracked((ROOT / "benchmarks").glob("*.py"))]
    assert [name for name in found if f"benchmarks/{name}" not in figures] == []


def test_an_own_file_is_not_what_came(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    came = ROOT / "search_spaces" / "tiny.yaml"
    assert tracked([came]) == [came]
    if (ROOT / ".git").exists() and shutil.which("git"):
        assert tracked([own, came]) == [came]
