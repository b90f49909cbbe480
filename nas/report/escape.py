"""Anybody's text inside a format that gives some characters a meaning: there it is text alone."""

import re

from nas.schema.visible import visible

_MARKDOWN = re.compile(r"[\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
"""What begins or ends emphasis, code, links, HTML and cells; `_` inside a word does not, nor `&` by
itself."""
_LIVE = re.compile(
    r"(?<=\w):(?=//)|(?<=\bwww)\.|(?<=\bmailto):|(?<=\bxmpp):|@|:(?=[\w+-]+:)|\$", re.IGNORECASE
)
"""Where some reader of Markdown would make a link, a mention, a picture or a formula of its own."""
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"} | {c: f"&#{ord(c)};" for c in ":.@$"}
_FORMULA = re.compile(r"\s*[=+@\-＝＋＠－]|[\t\r]")
_NUMBER = re.compile(r"-(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def markdown(text: str) -> str:
    """One line of Markdown that shows this text."""
    text = visible(text.replace("\n", " "))
    text = _MARKDOWN.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), text)
    return _LIVE.sub(lambda found: _ENTITIES[found[0]], text)


def code_span(text: str, *, cell: bool = True) -> str:
    """The same in Markdown's type of code, where a bar ends the cell of a table or, else, not."""
    text = visible(text.replace("\n", " "))
    text = text.replace("|", "\\|") if cell else text
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text}{edge}{fence}"


_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def latex(text: str) -> str:
    """One line of LaTeX that shows this text."""
    return "".join(_LATEX.get(c, c) for c in visible(text.replace("\n", " ")))


def csv_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before what it would.

    A negative number stays one.
    """
    begins = _FORMULA.match(text) and not _NUMBER.fullmatch(text.strip())
    return f"'{visible(text)}" if begins else visible(text)
