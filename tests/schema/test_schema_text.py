"""What leaves the program as text is text: nothing in it steers, hides or reverses anything."""

import json

import pytest
from hostile import CONTROLS, HOSTILE, hidden
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.schema.visible import visible, visible_json

anything = st.text(st.characters(codec=None)) | st.just(HOSTILE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain — ü 漢字 🙂 \u00a0", "plain — ü 漢字 🙂 \u00a0"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb\x7f\x9b", "a\\rb\\x7f\\x9b"),
        ("\u202eabc\u2069", "\\u202eabc\\u2069"),
        ("a\u200bb\u2028", "a\\u200bb\\u2028"),
        ("\ud800 \U000e0041", "\\ud800 \\U000e0041"),
        ("two\nlines\t!", "two\\nlines\\t!"),
    ],
)
def test_what_has_no_shape_gets_one(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_and_tabs_stay_where_they_belong() -> None:
    assert visible("def f():\n\tpass\r\n\x1b", lines=True) == "def f():\n\tpass\\r\n\\x1b"


@given(anything)
def test_any_text(text: str) -> None:
    line, lines = visible(text), visible(text, lines=True)
    assert not hidden(line)
    assert "\n" not in line
    assert not hidden(lines.replace("\t", ""))
    assert visible(line) == line
    if not hidden(text) and "\n" not in text:
        assert line == text


@settings(max_examples=40)
@given(st.recursive(anything, lambda inner: st.lists(inner) | st.dictionaries(anything, inner)))
def test_json_stays_json_of_the_same_shape(data: object) -> None:
    assert json.loads(visible_json(json.dumps(data))) == _shown(data)


def _shown(data: object) -> object:
    if isinstance(data, str):
        return visible(data, lines=True)
    if isinstance(data, list):
        return [_shown(item) for item in data]
    assert isinstance(data, dict)
    return {_shown(key): _shown(item) for key, item in data.items()}


def test_a_backslash_before_an_escape_is_not_its_beginning() -> None:
    for text in ("\\u202e", "\\\\u202e", "\\\x1b", '"\x1b"', "\\", CONTROLS):
        assert json.loads(visible_json(json.dumps(text))) == visible(text, lines=True)
