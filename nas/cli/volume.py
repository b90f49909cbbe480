"""`-q` and `-v`, which every command has: how much it says beside its answer."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any

import typer

QUIET, NORMAL, VERBOSE = -1, 0, 1


class _Volume:
    """Of the command that this process runs."""

    level = NORMAL


def quiet() -> bool:
    """Whether answers and errors alone are to be printed."""
    return _Volume.level <= QUIET


def verbose() -> bool:
    """Whether every epoch, what libraries log, and an error's traceback are to be printed too."""
    return _Volume.level >= VERBOSE


def _choose(level: int) -> Callable[[bool], None]:
    def choose(given: bool) -> None:
        if not given:
            return
        if _Volume.level not in (NORMAL, level):
            raise typer.BadParameter("--quiet and --verbose are opposites")
        _Volume.level = level
        if level == VERBOSE:
            logging.basicConfig(level=logging.INFO)

    return choose


_OPTIONS = {
    "verbose": Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            callback=_choose(VERBOSE),
            help="Print more: epochs, logs, tracebacks.",
        ),
    ],
    "quiet": Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", callback=_choose(QUIET), help="Print only results and errors."
        ),
    ],
}


def with_volume(command: Callable[..., None]) -> Callable[..., None]:
    """A command's function with the two options, which it need not know."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name in _OPTIONS:
            given.pop(name)
        command(**given)

    signature = inspect.signature(command)
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in _OPTIONS.items()
    ]
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *more]
    )
    run.__annotations__ = {**command.__annotations__, **_OPTIONS}
    return run


def reset() -> None:
    """What an earlier command of this process chose is not this one's."""
    _Volume.level = NORMAL
