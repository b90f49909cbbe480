"""`nas trust`, and asking whether a file of this folder may run or replace one of nas's own."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas import trust as consents
from nas.cli import options
from nas.cli.console import echo, says_yes
from nas.cli.output import Form, form_of, print_records
from nas.files import read_source
from nas.schema import ProblemError, Space, UsageError

if TYPE_CHECKING:
    from nas.schema import CampaignConfig


def trust(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files or folders. Without any, the files that need consent are listed."
        ),
    ] = None,
    form: options.Format = "table",
    as_json: options.Json = False,
) -> None:
    """Allow templates of this folder to run, and analyses to replace nas's own of the same name.

    A template with a name of its own needs this only if you did not type the space that names it.
    Consent is to a file's present content: a changed file needs it again.

    Example: `nas trust templates analysis/leaderboard.py`
    """
    chosen = form_of(form, as_json)
    if not paths:
        _tell(consents.in_question(), chosen)
        return
    files = [file for path in paths for file in _files(path)]
    consents.trust(files)
    records = [{"file": str(file), "may_run": True} for file in files]
    lines = [f"{file}: may run, until it changes" for file in files]
    print_records(chosen, records, shown=lines)


def ask_about_analyses() -> None:
    """Asks on a terminal whether this folder's analyses may replace nas's own; else lists them."""
    from nas.results import passed_over

    if (found := passed_over()) and not _consented(found):
        tell_of_analyses()


def tell_of_analyses() -> None:
    """Prints which analyses of this folder are not run, because nas has one of the same name."""
    from nas.results import passed_over

    for path in passed_over():
        echo(
            f"{_here(path)} is not run, because nas has one of that name: `{_command(path)}` allows"
            " it, until it changes",
            err=True,
        )


def ask_about_templates(
    space: Space, config: "CampaignConfig", *, typed: str | None = None, campaign: str | None = None
) -> None:
    """Makes sure that the user consented to every template of this folder that training would run.

    Typing a space that is not nas's own (`typed`: a path or a name) consents to the templates with
    names of their own that it uses; that is stored. Continuing a `campaign` consents to its
    templates; if one has changed, that is printed. For all others a terminal asks. Raises
    ProblemError if the answer is no, or there is no terminal.
    """
    from nas.campaign.checks import templates_run
    from nas.space import is_shipped

    requested = campaign is not None or (typed is not None and not is_shipped(typed))
    _ask_about(templates_run(space, config), requested=requested, campaign=campaign)


def ask_about_code(templates: Iterable[str], campaign: str) -> None:
    """As `ask_about_templates`, for templates of a campaign whose candidates are run again."""
    _ask_about(templates, requested=True, campaign=campaign)


def _ask_about(templates: Iterable[str], *, requested: bool, campaign: str | None) -> None:
    from nas.render import own_parts

    texts = {p.path: p.source for name in templates for p in own_parts(name)}
    names = [path for path in texts if requested and not consents.takes_place(path)]
    own = {path: texts.pop(path) for path in names}
    if campaign is None:
        _remember(own)
    elif new := [path for path, text in own.items() if not consents.is_trusted(text)]:
        echo(f"{_names(new)}: code of this folder runs, because {campaign} uses it", err=True)
    _consented(path for path, text in texts.items() if not consents.is_trusted(text))
    if left := [path for path, text in texts.items() if not consents.is_trusted(text)]:
        raise ProblemError(
            "this template of the folder would run without your consent",
            where=str(_here(left[0])),
            fix=f"`{_command(*left)}` allows it, until it changes",
        )


def _remember(texts: dict[Path, str]) -> None:
    """Stores the consent given by typing a space, so that `nas resume` need not ask."""
    try:
        consents.trust(path for path, text in texts.items() if not consents.is_trusted(text))
    except (OSError, ProblemError) as error:
        echo(f"{_names(texts)}: runs, but the consent cannot be stored: {error}", err=True)


def _consented(files: Iterable[Path]) -> bool:
    """Asks about each file on a terminal. Returns whether all may run."""
    allowed = True
    for path in files:
        if says_yes(_question(path)):
            consents.trust([path])
        else:
            allowed = False
    return allowed


def _question(path: Path) -> str:
    if consents.takes_place(path):
        return f"{_here(path)} has the name of one of nas's own. Run it instead?"
    return f"{_here(path)} is a template of this folder that you did not name. Run it?"


def _tell(files: list[Path], form: Form) -> None:
    records = [
        {"file": str(_here(path)), "may_run": consents.is_trusted(read_source(path))}
        for path in files
    ]
    lines = [
        f"{record['file']}: {'may run' if record['may_run'] else f'`{_command(path)}`'}"
        for path, record in zip(files, records, strict=True)
    ] or ["This folder has no template, and no analysis with the name of one of nas's own."]
    print_records(form, records, shown=lines)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError("there is no such file", where=str(path), fix="`nas trust` lists them")
    if not path.is_dir():
        if not path.name.endswith(tuple(consents.KINDS.values())):
            raise UsageError(
                "this is neither a template nor an analysis",
                where=str(path),
                fix="`nas trust` lists what needs consent",
            )
        return [path]
    files = sorted(file for end in consents.KINDS.values() for file in path.glob(f"*{end}"))
    if not files:
        raise UsageError(
            "there is no template and no analysis in this folder",
            where=str(path),
            fix="name templates, analysis, or a file in them",
        )
    return files


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(str(_here(path)) for path in paths)


def _here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _command(*paths: Path) -> str:
    return shlex.join(["nas", "trust", *(str(_here(path)) for path in paths)])


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(trust)
