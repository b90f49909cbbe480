"""Translates pydantic's errors about a space file for the person who wrote it."""

import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nas.schema import Problem, ProblemError, did_you_mean
from nas.space.yaml_loader import Document

_WANTED = {
    "bool_parsing": "true or false",
    "dict_type": "a mapping, name: value",
    "list_type": "a list, [first, second]",
    "model_type": "a mapping, name: value",
    "string_too_long": "a shorter name",
    "string_type": "text",
}
_PLAIN = re.compile(r"[\w.-]{1,60}", re.ASCII)
_PATTERN = "a name: a letter first, then letters, digits, '_'"

Path = tuple[str | int, ...]


def first_error(
    error: ValidationError, document: Document, where: str, form: type[BaseModel]
) -> ProblemError:
    """The first problem in the file, ready to be raised."""
    found = [(document.line(_path(e)), e) for e in error.errors(include_url=False)]
    # A misspelt field also makes one missing: report the misspelling.
    line, first = min(found, key=lambda f: (f[1]["type"] == "missing", f[0]))
    problem = explain(first, form)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ProblemError(problem.what + more, where=f"{where}:{line}", fix=problem.fix)


def explain(error: ErrorDetails, form: type[BaseModel]) -> Problem:
    """One pydantic error as a Problem, without its location."""
    path = _path(error)
    name = dotted(path)
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("extra_forbidden", "invalid_key"):  # the latter: a number
        known = fields(form, path[:-1])
        inside = f" in {dotted(path[:-1])}" if path[1:] else ""
        return Problem(
            what=f"unknown field {str(path[-1])!r}{inside}",
            fix=did_you_mean(str(path[-1]), known) or f"choose from {', '.join(known)}",
        )
    if kind == "unknown_name":
        return Problem(
            what=f"unknown {context['noun']} {str(path[-1])!r} in {dotted(path[:-1])}",
            fix=did_you_mean(str(path[-1]), context["known"]),
        )
    if kind == "missing":
        return Problem(what=f"{name} is missing", fix=f"add {path[-1]}")
    given = _shown(error["input"])
    if kind == "string_pattern_mismatch":
        extra = ", '.', '-'" if "." in context["pattern"] else ""
        return Problem(what=f"{name} should be {_PATTERN}{extra}; {given} given", fix="rename it")
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        return Problem(
            what=f"{name} is {given}, not one of {', '.join(known)}",
            fix=did_you_mean(str(error["input"]), known),
        )
    if kind == "too_short":
        return Problem(what=f"{name} is empty", fix="give it at least one entry, or remove it")
    if kind == "too_long":
        most = f"{context['max_length']:,}"
        return Problem(what=f"{name} has more than {most} entries", fix="leave some out")
    if kind in _WANTED:
        wanted = f"should be {_WANTED[kind]}"
    else:
        wanted = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
        wanted = wanted.removesuffix(", unable to parse string as a number")
        wanted = wanted.removesuffix(", unable to parse string as an integer")
    return Problem(what=f"{name} {wanted}; {given} given")


def dotted(path: Path) -> str:
    """("experts", "families", "vit", 0) → `experts.families.vit[0]`; odd names are quoted."""
    return "".join(
        f".{step}" if isinstance(step, str) and _PLAIN.fullmatch(step) else f"[{_shown(step)}]"
        for step in path
    ).removeprefix(".")


def fields(form: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Field names of the nested form at `path`."""
    kind: Any = form
    for step in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(step)].annotation
        else:
            kind = _inner(kind)
        while not _is_model(kind) and typing.get_origin(kind) not in (dict, list):
            kind = _inner(kind)
    return list(kind.model_fields)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inner(kind: Any) -> Any:
    """`dict[K, V]` → V, `list[V]` → V, `Annotated[V, …]` → V, `V | None` → V."""
    arguments = [a for a in typing.get_args(kind) if a is not type(None)]
    return arguments[1] if typing.get_origin(kind) is dict else arguments[0]


def _path(error: ErrorDetails) -> Path:
    return tuple(step for step in error["loc"] if step != "[key]")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
