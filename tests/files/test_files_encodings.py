"""No file's encoding is left to the locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracked import tracked

import nas

ROOT = Path(nas.__file__).parent
SOURCES = [*ROOT.rglob("*.py"), *tracked((ROOT.parent / "analysis").glob("*.py"))]


def left_to_the_locale(tree: ast.AST) -> Iterator[int]:
    """Lines that open a file for text and name no encoding."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = call.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        named = {keyword.arg for keyword in call.keywords}
        given = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        texts = [value for value in given if isinstance(value, str)]
        if name == "write_text" and isinstance(function, ast.Attribute):
            wrong = len(call.args) < 2 and "encoding" not in named
        elif name == "read_text":
            wrong = not call.args and "encoding" not in named
        elif name in ("fdopen", "open"):
            opens = name == "fdopen" or isinstance(function, ast.Name) or texts
            wrong = bool(opens) and not any("b" in text for text in texts)
            wrong = wrong and "encoding" not in named
        else:
            continue
        if wrong:
            yield call.lineno


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("path.write_text(x)", [1]),
        ("path.write_text(x, encoding='utf-8')", []),
        ("write_text(path, x)", []),
        ("path.read_text()", [1]),
        ("path.open('w')", [1]),
        ("open(path)", [1]),
        ("path.open('rb')\nbank.open()", []),
    ],
)
def test_what_is_found(code: str, lines: list[int]) -> None:
    assert list(left_to_the_locale(ast.parse(code))) == lines


def test_every_file_names_its_encoding() -> None:
    found = {
        f"{path.relative_to(ROOT.parent)}:{line}"
        for path in SOURCES
        for line in left_to_the_locale(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set()
