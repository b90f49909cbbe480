"""The command tree."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import nas
from nas import debugging
from nas.cli import (
    backup,
    bank,
    campaigns,
    candidates,
    consent,
    data_sets,
    diagnose,
    doctor,
    families,
    integrations,
    new,
    plan,
    replay,
    report,
    resume,
    screen,
    search,
    spaces,
    status,
    weights,
)
from nas.cli.console import echo, note_printed
from nas.cli.volume import reset, with_volume
from nas.schema.visible import visible

_ClickError: type[Any] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""The base of all usage errors; newer versions of typer contain their own click."""


class _Group(TyperGroup):
    """Escapes control characters in errors, which repeat what was typed; shows no type of flags."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        reset()
        _without_types_of_flags(self)
        with _as_text():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        with _as_text():
            return super().invoke(ctx)


def _without_types_of_flags(command: Any) -> None:
    """Typer would show `--json <bool>`, which reads as if a value had to follow."""
    for parameter in command.params:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    help_option = command.get_help_option

    def plain_help(ctx: Any) -> Any:
        if option := help_option(ctx):
            option.metavar = ""
        return option

    command.get_help_option = plain_help
    for below in getattr(command, "commands", {}).values():
        _without_types_of_flags(below)


_PLAIN = {
    "Input should be a valid integer": "it is not a whole number",
    "Input should be a valid number": "it is not a number",
}
"""Messages of pydantic, by their beginnings, in plain words."""


@contextmanager
def _as_text() -> Iterator[None]:
    try:
        yield
    except _ClickError as error:
        message = error.message.removeprefix("Value error, ")
        for begin, plain in _PLAIN.items():
            if message.startswith(begin):
                message = plain
        error.message = visible(message)
        raise


app = typer.Typer(
    name="nas",
    cls=_Group,
    help="Search heterogeneous Mixture-of-Experts image classifiers, with evidence.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        echo(f"nas {nas.__version__}")
        raise typer.Exit


def _debug(wanted: bool) -> None:
    debugging.let_through = wanted


@app.callback()
@with_volume
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            callback=_debug,
            help="Raise exceptions uncaught; with `--executor inline`, those of trials too.",
        ),
    ] = False,
) -> None:
    note_printed()


for room in (
    *(search, resume, bank, screen, status, report, candidates, diagnose, campaigns, plan, replay),
    *(integrations, spaces, new, families, data_sets, weights, consent, doctor, backup),
):
    room.register(app)
for level in (app, data_sets.data, weights.weights):
    for command in level.registered_commands:
        assert command.callback is not None
        command.callback = with_volume(command.callback)
