"""Escapes text for formats in which some characters have a special meaning."""

import re

from nas.schema.visible import visible

_MARKDOWN = re.compile(r"[\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
"""Characters that start or end emphasis, code, links, HTML and cells. `_` inside a word does not,
nor does `&` outside an entity."""
_LIVE = re.compile(
    r"(?<=\w):(?=//)|(?<=\bwww)\.|(?<=\bmailto):|(?<=\bxmpp):|@|:(?=[\w+-]+:)|\$", re.IGNORECASE
)
"""Characters from which some Markdown renderers make a link, a mention, an image or a formula."""
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"} | {c: f"&#{ord(c)};" for c in ":.@$"}
_FORMULA = re.compile(r"\s*[=+@\-＝＋＠－]|[\t\r]")
_NUMBER = re.compile(r"-(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def markdown(text: str) -> str:
    """One line of Markdown that renders as this text."""
    text = visible(text.replace("\n", " "))
    text = _MARKDOWN.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), text)
    return _LIVE.sub(lambda found: _ENTITIES[found[0]], text)


def code_span(text: str, *, cell: bool = True) -> str:
    """One line of Markdown that renders as this text in a code span. `cell`: inside a table, where
    `|` must be escaped."""
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
    """One line of LaTeX that prints this text."""
    return "".join(_LATEX.get(c, c) for c in visible(text.replace("\n", " ")))


def csv_cell(text: str) -> str:
    """The text of a CSV cell. An apostrophe precedes text that a spreadsheet would take for a
    formula; a negative number is unchanged.
    """
    begins = _FORMULA.match(text) and not _NUMBER.fullmatch(text.strip())
    return f"'{visible(text)}" if begins else visible(text)
