"""Identifiers are of the field's words, not of a dialect."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tracked import tracked

ROOT = Path(__file__).parents[2]
DIALECT = {"agenda", "asked", "desk", "foretold", "hopeless", "said", "slip", "slips", "told"}


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a file gives or uses, with its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name, line
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, line
            case ast.ClassDef(name=name):
                yield name, line
            case ast.keyword(arg=str(name)) | ast.MatchAs(name=str(name)):
                yield name, line
            case ast.alias(name=name, asname=alias):
                yield alias or name, line
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from ((name, line) for name in names)


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_a_name_is_taken_apart() -> None:
    assert words("_wasAsked_HTTPTold_foretold2") == {"was", "asked", "http", "told", "foretold"}
    assert words("masked") == {"masked"}
    found = dict(identifiers(ast.parse("def f(a, *, b=c.d): e = (g := lambda h: h)(i=1)")))
    assert set(found) == set("abcdefghi")


def test_none_is_of_the_dialect() -> None:
    found = []
    for folder in ("nas", "analysis", "benchmarks", "tests"):
        for path in tracked((ROOT / folder).rglob("*.py")):
            for name, line in identifiers(ast.parse(path.read_text(encoding="utf-8"))):
                if words(name) & DIALECT:
                    found.append(f"{path.relative_to(ROOT)}:{line}: {name}")
    assert not found, "\n".join(found)
