"""The guide's pictures: a terminal's output by rich, a browser's by Chromium."""

import io
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page
from rich.terminal_theme import TerminalTheme
from typer.testing import CliRunner

from nas.report import Terminal

COLUMNS = 104
_THEME = TerminalTheme(
    *((255, 255, 255), (36, 41, 47)),
    [
        *((36, 41, 47), (207, 34, 46), (17, 99, 41), (77, 45, 0)),
        *((9, 105, 218), (130, 80, 223), (27, 124, 131), (110, 119, 129)),
    ],
)
# rich's own frame, without the fonts it would fetch from elsewhere.
_FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
<defs>{lines}</defs>
<rect width="100%" height="100%" rx="6" fill="#ffffff" stroke="#d0d7de"/>
<g transform="translate(9, 22)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def terminal(command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An SVG of what a `nas` command that looks prints."""
    from nas.cli import console as shared
    from nas.cli import status
    from nas.cli.app import app

    console = Terminal(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for room in (status, shared):  # commands print by themselves and by what they share
        monkeypatch.setattr(room, "console", console)
    name, *arguments = command.split()
    assert name == "nas"
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return console.export_svg(theme=_THEME, code_format=_FRAME, unique_id="nas")


def plotted(html: Path, page: Page) -> str:
    """An SVG of the figure in a file that plotly wrote, without the names it makes at random."""
    page.goto(html.as_uri())
    page.wait_for_selector(".main-svg")
    given = page.evaluate(
        "Plotly.toImage(document.querySelector('.plotly-graph-div'), {format: 'svg'})"
    )
    svg = unquote(given.partition(",")[2])
    for number, name in enumerate(dict.fromkeys(re.findall(r"(?:top)?defs-(\w{6})", svg))):
        svg = svg.replace(name, f"{number:06}")
    return svg + "\n"


def texts(svg: str) -> list[str]:
    """Every text of an SVG, in order."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", text).replace("&#160;", " ").strip() for text in found]
