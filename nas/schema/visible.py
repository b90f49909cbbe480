"""Makes untrusted text safe to display: no control or invisible characters.

A space file, a row of a ledger, a class name or an exception's message may contain characters that
move a terminal's cursor, rewrite its title, or hide or reverse text. All output of this program
passes `visible` at its boundary: the terminal (`nas.report.terminal`, `nas.cli.console`), tables
(`nas.report.render`), cards (`nas.report.escape`) and the page (`visible_json`).
"""

import json
import re
from unicodedata import category

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of controls (C0, DEL, C1), format characters (bidi controls, zero-width and
tag characters), surrogates, and line and paragraph separators."""
_ESCAPES = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-f]{4}|\\[bfr])+)")
"""A run of JSON escapes, after any escaped backslashes."""


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every invisible character written as its escape: `\\x1b`, `\\u202e`.

    With `lines`, newlines and tabs are kept, as in code; without, the result is one line.
    """
    if text.isprintable():
        return text
    if lines:
        return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))
    return "".join(_escape(c) if category(c) in _HIDDEN else c for c in text)


def visible_json(text: str) -> str:
    """JSON in ASCII, with its texts as from `visible`; newlines and tabs are kept."""

    def shown(found: re.Match[str]) -> str:
        return found[1] + json.dumps(visible(json.loads(f'"{found[2]}"')))[1:-1]

    return _ESCAPES.sub(shown, text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
