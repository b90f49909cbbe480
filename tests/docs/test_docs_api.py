"""The API reference covers every module, and every public name in it has a docstring.

`make docs` builds it, and fails on a docstring that names parameters which are not there.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracked import tracked

import nas

PACKAGE = Path(nas.__file__).parent
ROOT = PACKAGE.parent
API = ROOT / "docs" / "api"
NO_PAGE = {"nas.cli": "docs/commands.md is made from it"}
"""Rooms without a page in the reference, and why. Their public names have docstrings too."""
ELSEWHERE = {"nas.ledger.migrations": "run by Alembic"}
"""What is in no reference, and why."""
PLAIN = {"Frozen", "OmitDefaults", "Generic[T]", "Protocol", "Exception", "ABC"}
"""Bases that say nothing of a class's own methods."""


def modules() -> dict[str, Path]:
    """Every public module by its dotted name, packages before what is in them."""
    found = {}
    for path in tracked(sorted(PACKAGE.rglob("*.py"))):
        parts = ["nas", *path.relative_to(PACKAGE).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not re.search(r"\._", name):
            found[name] = path
    return found


def elsewhere(name: str) -> bool:
    return any(f"{name}.".startswith(f"{skipped}.") for skipped in ELSEWHERE)


def rooms() -> list[str]:
    """The packages and modules right below `nas`."""
    return sorted({name.split(".")[1] for name in modules() if "." in name})


def parsed(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text())


def public(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Public functions, classes and methods of a module, and whether each has a docstring; not the
    methods of a class with a base that may document them."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield node.name, bool(ast.get_docstring(node))
        if isinstance(node, ast.ClassDef) and {ast.unparse(b) for b in node.bases} <= PLAIN:
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", bool(ast.get_docstring(inner))


def test_every_room_is_in_the_reference_once() -> None:
    """A room's page has all its modules: `show_submodules` in mkdocs.yml."""
    shown = re.findall(r"^::: nas\.(\S+)$", "\n".join(page_texts()), re.MULTILINE)
    assert sorted(shown) == [room for room in rooms() if f"nas.{room}" not in NO_PAGE]


def page_texts() -> list[str]:
    return [path.read_text() for path in tracked(API.glob("*.md"))]


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text()))
    docs = ROOT / "docs"
    assert listed == {str(path.relative_to(docs)) for path in tracked(docs.rglob("*.md"))}


@pytest.mark.parametrize("room", rooms())
def test_every_public_name_of_a_room_has_a_docstring(room: str) -> None:
    bare = []
    for name in modules():
        if not f"{name}.".startswith(f"nas.{room}.") or elsewhere(name):
            continue
        tree = parsed(name)
        bare += [] if ast.get_docstring(tree) else [name]
        bare += [f"{name}.{where}" for where, doc in public(tree) if not doc]
    assert bare == []
