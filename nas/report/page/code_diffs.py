"""Stores every candidate's code compactly: base texts, and the lines in which others differ.

Files rendered from one template with equal choices have the same length and differ in a few names.
"""

from collections.abc import Iterable, Mapping
from typing import Any

_SAME = 0.5
"""Share of lines that a text must have in common with a base to be stored as a difference."""
_ALIKE = 0.1
"""Share of differing lines up to which a base is used without trying others."""
_TRIED = 4
"""Maximum number of bases of equal length that are compared, latest first."""


def pack(codes: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """(key, text) pairs → `{"bases": [[line, …], …], "of": {key: [base, {line number: text}]}}`.

    Line numbers start at 0, and lines are split at newlines only, so `unpack` restores each text
    exactly.
    """
    bases: list[list[str]] = []
    by_length: dict[int, list[int]] = {}
    of: dict[str, tuple[int, dict[int, str]]] = {}
    for key, text in codes:
        lines = text.split("\n")
        alike = by_length.setdefault(len(lines), [])
        best: tuple[int, dict[int, str]] | None = None
        for base in reversed(alike[-_TRIED:]):
            other = _difference(bases[base], lines)
            if best is None or len(other) < len(best[1]):
                best = (base, other)
            if len(best[1]) <= _ALIKE * len(lines):
                break
        if best is None or len(best[1]) > (1 - _SAME) * len(lines):
            alike.append(len(bases))
            bases.append(lines)
            best = (len(bases) - 1, {})
        of[key] = best
    return {"bases": bases, "of": of}


def unpack(packed: Mapping[str, Any], key: str) -> str:
    """The text of a key, reconstructed as on the page. Raises KeyError for an unknown key."""
    base, difference = packed["of"][key]
    lines = list(packed["bases"][base])
    for number, line in difference.items():
        lines[int(number)] = line
    return "\n".join(lines)


def _difference(base: list[str], lines: list[str]) -> dict[int, str]:
    return {
        number: line
        for number, (known, line) in enumerate(zip(base, lines, strict=True))
        if known != line
    }
