"""Finds and reads a space, by name or from its file."""

from pathlib import Path

from pydantic import ValidationError

from nas import resources
from nas.files import read_source
from nas.schema import ProblemError, Space, UsageError, did_you_mean
from nas.space.errors import explain, first_error
from nas.space.file_schema import FileSpace
from nas.space.yaml_loader import read

_FIXES: dict[str | int, str] = {
    "choose": "add families or lower choose",
    "reference": "give the name of an arm",
}


def available() -> dict[str, Path]:
    """Space files by name; the working directory's `search_spaces/` takes precedence."""
    return resources.files("search_spaces", ".yaml")


def is_shipped(typed: str) -> bool:
    """Whether the text is the name of a shipped space. Such a name means the shipped space and runs
    no code from the working directory."""
    return typed in {path.stem for path in resources.shipped("search_spaces").glob("*.yaml")}


def stands_in(typed: str) -> Path | None:
    """The working directory's file with the name of a shipped space, which replaces it; or None."""
    path = available().get(typed)
    folder = resources.shipped("search_spaces")
    inside = path is None or path.resolve().parent == folder.resolve()
    return path if is_shipped(typed) and not inside else None


def find(name_or_path: str) -> Path:
    """The file of a space, given a known name, the name of a file here, or a path.

    Raises UsageError if there is none.
    """
    known = available()
    if name_or_path in known:
        return known[name_or_path]
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return path
    if (own := Path(f"{name_or_path}.yaml")).is_file():
        return own
    raise UsageError(
        f"no search space named {name_or_path!r}", fix=did_you_mean(name_or_path, known)
    )


def load(name_or_path: str) -> Space:
    """The space with this name in `search_spaces/`, or from the `.yaml` file at this path.

    Raises ProblemError, with `where` the file and the line, for a file that is missing, is not
    plain YAML, or is not a valid space.
    """
    path = find(name_or_path)
    try:
        text = read_source(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"cannot be read: {reason}",
            where=str(path),
            fix="give a space's name or the path of its .yaml file",
        ) from None
    return parse(text, str(path), path.stem)


def parse(text: str, where: str, name: str) -> Space:
    """YAML text → Space. `where` precedes the line in errors; `name` is the space's name.

    Raises ProblemError for the first error.
    """
    document = read(text, where)
    if not isinstance(document.data, dict):
        raise ProblemError(
            "a space file must be a mapping of fields",
            where=f"{where}:1",
            fix=f"choose from {', '.join(FileSpace.model_fields)}",
        )
    try:
        form = FileSpace.model_validate(document.data)
    except ValidationError as error:
        raise first_error(error, document, where, FileSpace) from None
    for path, fault in form.faults():
        problem = explain(fault, FileSpace)
        raise ProblemError(problem.what, where=f"{where}:{document.line(path)}", fix=problem.fix)
    try:
        return form.to_space(name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = first.get("ctx", {}).get("part") or form.path(first["loc"])
        fix = _FIXES.get(path[-1], "") if path else ""
        if not (form.experts or form.arms or form.choices):
            fix = "add experts"
        raise ProblemError(
            first["msg"].removeprefix("Value error, "),
            where=f"{where}:{document.line(path)}",
            fix=fix or "remove one of the two",
        ) from None
