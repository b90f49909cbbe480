"""Options in groups."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from nas.cli import groups
from nas.cli.groups import grouped

Name = Annotated[str, typer.Option("--name", "-n", help="Its name.")]


@dataclass(frozen=True)
class Draws:
    """What is drawn.

    More of it.
    """

    trials: Annotated[int | None, typer.Option(min=1, help="How many.")] = None
    seed: Annotated[int, typer.Option(help="Which.")] = 7


@dataclass(frozen=True)
class Machine:
    """Where it runs."""

    workers: Annotated[int, typer.Option("--workers", "-w", help="How many at once.")] = 2


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @grouped
    def go(place: str, draws: Draws, machine: Machine, name: Name = "x") -> None:
        """Goes."""
        print(place, draws, machine, name)  # noqa: T201

    return app


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ("here", "here Draws(trials=None, seed=7) Machine(workers=2) x"),
        ("here --trials 3 -w 5 -n y", "here Draws(trials=3, seed=7) Machine(workers=5) y"),
        ("--seed 0 here", "here Draws(trials=None, seed=0) Machine(workers=2) x"),
    ],
)
def test_options_come_as_their_groups(app: typer.Typer, arguments: str, printed: str) -> None:
    done = CliRunner().invoke(app, arguments.split())
    assert (done.output.strip(), done.exit_code) == (printed, 0)


def test_a_bad_value_names_its_option(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["here", "--trials", "0"])
    assert done.exit_code == 2
    assert "--trials" in done.output


def test_help_has_them_all(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80", "TERM": "dumb"}).output
    for option in ("--trials", "--seed", "--workers", "--name"):
        assert option in shown


def test_a_field_that_is_no_option_is_a_mistake() -> None:
    @dataclass
    class Wrong:
        """Wrong."""

        bare: int = 3

    def command(wrong: Wrong) -> None: ...

    command.__annotations__["wrong"] = Wrong
    with pytest.raises(TypeError, match=r"Wrong\.bare is not an option with a default"):
        grouped(command)


def test_modules_and_functions_are_what_a_reader_can_hold() -> None:
    too_much = []
    for path in Path(groups.__file__).parent.glob("*.py"):
        text = path.read_text()
        if text.count("\n") > 250:
            too_much.append(path.name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                parameters = len(node.args.args) + len(node.args.kwonlyargs)
                if lines > 70 or parameters > 11:
                    too_much.append(f"{path.name}: {node.name}")
    assert too_much == []
