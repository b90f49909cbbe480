"""`-q` and `-v` of every command: how much it prints besides its results."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any

import typer

QUIET, NORMAL, VERBOSE = -1, 0, 1


class _Volume:
    """The level of the command that this process runs."""

    level = NORMAL


def quiet() -> bool:
    """Whether to print only results and errors."""
    return _Volume.level <= QUIET


def verbose() -> bool:
    """Whether to print every epoch, libraries' logs and errors' tracebacks too."""
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
    """The command's function with the two options added, which are not passed on to it."""

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
    """Back to the normal level, for the next command of this process."""
    _Volume.level = NORMAL
