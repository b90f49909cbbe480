"""Hostile text in every format a report is written in: it is shown, and does nothing."""

import csv
import io
import json
import re

import pandas as pd
import pytest
from hostile import HOSTILE, MARKUP, hidden
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.table import Table
from rich.text import Text

from nas.export.card import card
from nas.report import Terminal, render
from nas.report.escape import code_span, csv_cell, markdown
from nas.schema.visible import visible

anything = st.text(st.characters(codec=None)) | st.just(HOSTILE)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read(text: str) -> tuple[set[str], str]:
    """The kinds of what a reader of Markdown finds, and the text it shows."""
    inline = [part for token in READER.parse(text) for part in token.children or ()]
    kinds = {part.type for part in inline if part.type not in ("text", "text_special")}
    return kinds, "".join(part.content for part in inline)


@given(anything)
def test_markdown_shows_the_text(text: str) -> None:
    kinds, shown = read(f"| a |\n| --- |\n| x{markdown(text)}x |\n")
    assert kinds == set()
    assert shown == f"ax{visible(text.replace(chr(10), ' '))}x"


@pytest.mark.parametrize("text", ["https://x.invalid", "see www.x.invalid"])
def test_no_link_is_made_of_an_address(text: str) -> None:
    assert read(markdown(text)) == (set(), text)
    assert "://" not in markdown(text)
    assert "www." not in markdown(text)


@pytest.mark.parametrize(
    ("text", "live"),
    [
        ("me@evil.org", "@"),
        ("ask @somebody", "@"),
        ("mailto:me", "mailto:"),
        ("XMPP:me", "XMPP:"),
        ("a :boom: b", ":boom:"),
        (":+1:a:b:", ":+1:"),
        ("$x^2$", "$"),
    ],
)
def test_nothing_that_some_readers_make_alive(text: str, live: str) -> None:
    assert read(markdown(text)) == (set(), text)
    assert live not in markdown(text)


def test_a_text_is_one_cell_also_where_semicolons_end_them() -> None:
    text = str(render(pd.DataFrame({"a;b": ["x;=1+1", None], "n": [1.5, 2.0]}), "csv"))
    assert text == '"a;b","n"\n"x;=1+1",1.5\n"",2.0\n'
    assert [len(row) for row in csv.reader(io.StringIO(text), delimiter=";")] == [1, 1, 1]


@given(st.text(st.characters(codec="utf-8"), min_size=1) | st.just(HOSTILE))
def test_code_spans(text: str) -> None:
    kinds, shown = read(f"| a |\n| --- |\n| x {code_span(text)} x |\n")
    assert kinds == {"code_inline"} or not text.strip(" \n")
    assert shown.split() == ["ax", *visible(text.replace("\n", " ")).split(), "x"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x.invalid")', '\'=HYPERLINK("http://x.invalid")'),
        ("+1", "'+1"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\t=1"),
        ("\r=1", "'\\r=1"),
        ("＝1", "'＝1"),
        ("-1", "-1"),
        ("-1.5e-3", "-1.5e-3"),
        ("resnet", "resnet"),
        ("a=b", "a=b"),
        (" =1+1", "' =1+1"),
        ("  \t@SUM(A1)", "'  \\t@SUM(A1)"),
        ("\u00a0=1", "'\u00a0=1"),
        ("\n=1", "'\\n=1"),
        (" -1.5", " -1.5"),
        (" - a", "' - a"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


@given(st.lists(anything, min_size=1, max_size=4), st.floats(allow_nan=False))
def test_csv(texts: list[str], number: float) -> None:
    frame = pd.DataFrame({"=name": pd.Series(texts, dtype="object"), "effect": number, "n": -3})
    rows = list(csv.reader(io.StringIO(str(render(frame, "csv")))))
    assert rows[0] == ["'=name", "effect", "n"]
    for text, (cell, effect, n) in zip(texts, rows[1:], strict=True):
        assert not hidden(cell)
        assert cell[:1] not in ("=", "+", "@")
        assert visible(text) in (cell, cell.removeprefix("'"))
        assert (float(effect), n) == (number, "-3")


def test_json_is_ascii_and_holds_the_text() -> None:
    text = str(render(pd.DataFrame({"a": [HOSTILE, "\ud800"]}, dtype="object"), "json"))
    assert not hidden(text)
    assert text.isascii()
    assert json.loads(text) == [{"a": HOSTILE.replace("\0", "\\0")}, {"a": "\\ud800"}]


@pytest.mark.parametrize("colours", [False, True])
def test_a_terminal_is_reported_nothing_by_texts(colours: bool) -> None:
    file = io.StringIO()
    system = "truecolor" if colours else None
    terminal = Terminal(file=file, width=4000, force_terminal=colours, color_system=system)
    table = Table(title=HOSTILE, caption=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE, "red"))
    terminal.print(table, HOSTILE, Text(HOSTILE))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()) if colours else file.getvalue()
    assert not hidden(shown)
    assert shown.count(MARKUP) == 7


def test_a_card() -> None:
    scores = dict.fromkeys(("val_acc", "test_acc", "params", "usage", "alone_test_acc"), 0.5)
    config = {
        "candidate": {
            "task": {"dataset": HOSTILE, "split_seed": 0},
            "template": HOSTILE,
            "experts": [1, 2],
        },
        "recipe": {"epochs": 1, "batch_size": 2, "lr": 0.1},
        "families": HOSTILE,
        "key": HOSTILE,
        "nas": "1",
        "experts": [{"family": HOSTILE, "model": HOSTILE, **scores}],
        "gate": {"mixing": HOSTILE},
        "metrics": scores,
        "baselines": dict.fromkeys(("alone", "uniform", "oracle"), scores),
        **dict.fromkeys(("image_size", "channels", "num_classes"), 3),
        "mean": [0.5],
        "std": [0.5],
        "value_range": None,
        "structure": None,
    }
    text = card(config, "import timm", True)
    assert not hidden(text)
    kinds, shown = read(text)
    assert kinds == {"code_inline"}
    assert shown.count(visible(HOSTILE)) == 6
    config["candidate"] |= {"experts": [], "arm": {"label": HOSTILE}}
    text = card(config, "", True)
    assert not hidden(text)
    kinds, shown = read(text)
    assert kinds == {"code_inline"}
    assert shown.count(visible(HOSTILE)) == 8
