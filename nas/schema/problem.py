"""Expected failures as values: what is wrong, where, and what to do about it."""

import difflib
import shlex
from collections.abc import Iterable

from pydantic import ValidationError

from nas.schema.base import Frozen


class Problem(Frozen):
    """One thing that is wrong, described for the person who can fix it."""

    what: str
    where: str = ""
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} — {self.fix}" if self.fix else text


class ProblemError(Exception):
    """Carries a Problem to the one place that prints it (`nas.cli`)."""

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.problem = Problem(what=what, where=where, fix=fix)
        super().__init__(str(self.problem))


class NotInstalledError(ProblemError):
    """A ProblemError for want of an optional package."""


class UsageError(ProblemError):
    """A ProblemError about the command line: an unknown name, an invalid option value."""


def command_line(*words: str) -> str:
    """`nas` and its arguments, quoted for a shell."""
    return shlex.join(("nas", *words))


def printable(text: str) -> str:
    """Text that every terminal and database accepts: exceptions may contain anything."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def one_line(error: BaseException) -> str:
    """An exception's type and the first line of its message, at most 300 characters."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return printable(line if len(line) <= 300 else f"{line[:299]}…")


def fault_of(error: ValidationError) -> tuple[str, str]:
    """(location, message) of the first fault that pydantic found, such as `recipe.epochs`."""
    first = error.errors(include_url=False, include_context=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if message.startswith("Input "):
        given = repr(first["input"])
        given = given if len(given) <= 60 else f"{given[:57]}…"
        message = f"{given} {message.removeprefix('Input ')}"
    return ".".join(map(str, first["loc"])), printable(message)


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A suggestion for the end of an error line: the nearest names, or all if there are few."""
    names = sorted(set(known))
    closer = difflib.get_close_matches(wrong, names, n=3, cutoff=0.6)
    near = [
        name
        for name in difflib.get_close_matches(wrong, names, n=3, cutoff=0.5)
        if name in closer or name[:1] == wrong[:1]  # tyni is as far from tiny as nope from moe4
    ]
    if near:
        return f"did you mean {' or '.join(near)}?"
    if 0 < len(names) <= 12:
        return f"choose from {', '.join(names)}"
    return ""
