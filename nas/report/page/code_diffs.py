"""Every candidate's exact code, stored once: a base text, and the lines in which others differ.

A template gives files of one length for one setting of its choices, which differ in a few names.
"""

from collections.abc import Iterable, Mapping
from typing import Any

_SAME = 0.5
"""Share of lines a text must have in common with a base to be stored as its difference."""
_ALIKE = 0.1
"""Share of lines that may differ for the first base that is tried to be taken at once."""
_TRIED = 4
"""Bases of one length that are compared, the latest first."""


def pack(codes: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """(key, text) pairs → `{"bases": [[line, …], …], "of": {key: [base, {line number: text}]}}`.

    Lines count from 0 and are parted by newlines alone, so that joining them gives each text back
    to the byte (`unpack`).
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
    """The text of a key, as the page puts it together. KeyError for a key that is not there."""
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
