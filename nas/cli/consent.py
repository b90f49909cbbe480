"""`nas trust`, and asking a person whether a file of this folder may run in place of nas's own."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas import trust as consents
from nas.cli.console import echo, says_yes
from nas.files import read_source
from nas.spec import ProblemError, Space

if TYPE_CHECKING:
    from nas.campaign import CampaignConfig


def trust(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, or folders of them; without any, those that need it are told."),
    ] = None,
) -> None:
    """Let templates and analyses of this folder run in place of nas's own of the same name.

    What is consented to is what is in them now: a file that changes needs it again.

    Example: `nas trust templates analysis/leaderboard.py`
    """
    if not paths:
        _tell(consents.in_place_of_shipped())
        return
    files = [file for path in paths for file in _files(path)]
    consents.trust(files)
    for file in files:
        echo(f"{file}: may run, until it changes")


def ask_about_analyses() -> None:
    """Says which analyses of this folder are not run for nas's own; on a terminal, asks."""
    from nas.analyse import passed_over

    if (found := passed_over()) and not _consented(found):
        tell_of_analyses()


def tell_of_analyses() -> None:
    """Says which analyses of this folder are not run in place of nas's own."""
    from nas.analyse import passed_over

    for path in passed_over():
        echo(
            f"{_here(path)} is not run in place of nas's own: `{_command(path)}` lets it, until it"
            " changes",
            err=True,
        )


def ask_about_templates(space: Space, config: "CampaignConfig") -> None:
    """On a terminal, asks about what a run would refuse for want of consent."""
    from nas.campaign.checks import templates_run
    from nas.render import own_parts

    templates = templates_run(space, config)
    shipped = {path.resolve() for path in consents.in_place_of_shipped()}
    parts = {part.path: part for name in templates for part in own_parts(name)}
    _consented(
        path
        for path, part in parts.items()
        if path.resolve() in shipped and not consents.is_trusted(part.source)
    )


def _consented(files: Iterable[Path]) -> bool:
    """Asks about each, where there is somebody to ask; whether all may run now."""
    allowed = True
    for path in files:
        if says_yes(f"{_here(path)} has the name of one of nas's own. Run it in its place?"):
            consents.trust([path])
        else:
            allowed = False
    return allowed


def _tell(files: list[Path]) -> None:
    if not files:
        echo("Nothing in this folder has the name of a template or an analysis of nas's.")
    for path in files:
        said = "may run" if consents.is_trusted(read_source(path)) else f"`{_command(path)}`"
        echo(f"{_here(path)}: {said}")


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for end in consents.KINDS.values() for file in path.glob(f"*{end}"))
    if not files:
        raise ProblemError(
            "there is no template and no analysis in this folder",
            where=str(path),
            fix="name templates, analysis, or a file in them",
        )
    return files


def _here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _command(path: Path) -> str:
    return shlex.join(["nas", "trust", str(_here(path))])


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(trust)
