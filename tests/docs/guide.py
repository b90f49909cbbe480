"""docs/guide.md as a list of what can be run, and what it must print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nas

GUIDE = Path(nas.__file__).parents[1] / "docs" / "guide.md"
PICTURES = GUIDE.with_name("pictures")
_BLOCK = re.compile(r"```(\w+)\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A snippet, and where in the guide its output stands."""

    kind: str
    code: str
    output: str
    where: tuple[int, int]


def blocks() -> Iterator[Block]:
    """The guide's snippets, in order."""
    for found in _BLOCK.finditer(GUIDE.read_text()):
        yield Block(found[1], found[2], found[3] or "", found.span(3))


def commands() -> list[str]:
    """Every line of the `sh` snippets."""
    return [line for b in blocks() if b.kind == "sh" for line in b.code.splitlines()]


def rewrite(outputs: dict[tuple[int, int], str]) -> None:
    """Writes outputs into the guide, by where they stand."""
    text = GUIDE.read_text()
    for (start, end), output in sorted(outputs.items(), reverse=True):
        text = text[:start] + output + text[end:]
    GUIDE.write_text(text)
