"""Running rendered source."""

from typing import Any


def execute(code: str) -> dict[str, Any]:
    """The names a rendered file defines. Raises whatever it raises."""
    # Classes and dataclasses look their module up by this name; it need not be importable.
    names: dict[str, Any] = {"__name__": "candidate"}
    exec(compile(code, "<candidate>", "exec"), names)
    return names
