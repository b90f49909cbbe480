"""Some settings of a space replaced without editing its file: `recipe.warmup=0.2`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nas.schema import ProblemError, Recipe, Space, UsageError
from nas.space.errors import explain
from nas.space.file_schema import FileSpace
from nas.space.models import place_in
from nas.space.write import dump
from nas.space.yaml_loader import read

Place = Callable[[tuple[str | int, ...]], str]
SIZE_ARGUMENT = "img_size"
"""timm's name for what a member must know of the images; it follows `image_size`."""


def with_settings(space: Space, settings: Mapping[str, object], *, where: str = "--set") -> Space:
    """The space with settings replaced, each under its dotted name in a space file.

    Texts are read as YAML. A member that was made for the old `image_size` is made for the new one.
    Raises UsageError for a name that no space file has, and for a value that it may not have.
    """
    if not settings:
        return space
    document: dict[str, Any] = read(dump(space), space.name).data
    for name, value in settings.items():
        _put(document, name, _parsed(value, name, where) if isinstance(value, str) else value)
    if document["image_size"] != space.image_size:
        _resize(document, space.image_size)
    try:
        form = FileSpace.model_validate(document)
    except ValidationError as error:
        problem = explain(error.errors(include_url=False)[0], FileSpace)
        meant = next((name for name in settings if name in Recipe.model_fields), None)
        fix = f"write recipe.{meant}" if meant else problem.fix
        raise UsageError(problem.what, where=where, fix=fix) from None
    for _, fault in form.faults():
        problem = explain(fault, FileSpace)
        raise UsageError(problem.what, where=where, fix=problem.fix)
    try:
        return form.to_space(space.name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{', '.join(settings)}: {first}", where=where) from None


def parse_settings(words: list[str] | None) -> dict[str, object]:
    """`["recipe.warmup=0.2"]` → `{"recipe.warmup": "0.2"}`; UsageError for what is no such word."""
    found: dict[str, object] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"{word!r} sets nothing", where="--set", fix="write it as recipe.warmup=0.2"
            )
        found[name.strip()] = value
    return found


def place_of(settings: Mapping[str, object], path: Path) -> Place:
    """A function that says where a part of a space was given: `--set NAME`, or its file's line."""
    in_file = place_in(path)

    def place(part: tuple[str | int, ...]) -> str:
        found = setting_of(settings, part)
        return f"--set {found}" if found else in_file(part)

    return place


def setting_of(settings: Mapping[str, object], part: tuple[str | int, ...]) -> str | None:
    """The setting that a part of a space comes from; None if that is its file. With another
    template than the file's, that is to blame for all parts of the file."""
    names = {".".join(map(str, part[: n + 1])) for n in range(len(part))}
    blamed = "template" if "template" in settings else None
    return next((name for name in settings if name in names), blamed)


def _parsed(text: str, name: str, where: str) -> object:
    """The value of a setting. Raises UsageError if it is not plain YAML."""
    try:
        return read(f"value: {text}\n", where).data["value"]
    except ProblemError as error:
        what = f"{text!r} is not a value: {error.problem.what}"
        fix = "write it as in a space file, in one line"
        raise UsageError(what, where=f"{where} {name}", fix=fix) from None


def _put(document: dict[str, Any], name: str, value: object) -> None:
    *parents, last = name.split(".")
    if parents[:1] == ["choices"]:  # whose names may have dots: recipe.lr
        parents, last = ["choices"], name.removeprefix("choices.")
    at = document
    for parent in parents:
        inside = at.setdefault(parent, {})
        at[parent] = at = inside if isinstance(inside, dict) else {}
    at[last] = value


def _resize(document: dict[str, Any], old: int) -> None:
    for members in document.get("experts", {}).get("families", {}).values():
        for member in members:
            args = member.get("args", {}) if isinstance(member, dict) else {}
            if args.get(SIZE_ARGUMENT) == old:
                args[SIZE_ARGUMENT] = document["image_size"]
