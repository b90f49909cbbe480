"""The command tree."""

from typing import Annotated

import typer

import nas
from nas.cli import bank, doctor, doors, look, plan, replay, screen, search, spaces

app = typer.Typer(
    name="nas",
    help="Search heterogeneous Mixture-of-Experts image classifiers, with evidence.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nas {nas.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for room in (search, bank, screen, look, plan, replay, doors, spaces, doctor):
    room.register(app)
