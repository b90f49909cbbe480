"""The API reference covers every module, and every public name in it has a docstring.

`pytest tests/docs --regenerate-golden` writes the pages of `docs/api/` and their list in mkdocs.yml
anew; `make docs` builds them, and fails on a docstring that names parameters which are not there.
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
ELSEWHERE = {
    "nas.cli": "docs/commands.md is made from it",
    "nas.ledger.migrations": "run by Alembic",
}
"""What has no page, and why."""
CONTRACTS = {"nas.data.sources": ("nas.data.catalog", "Source")}
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


def pages() -> dict[str, str]:
    """The text of each page by its file's name: one a room, and one of the modules beside them."""
    rooms: dict[str, list[str]] = {}
    for name, path in modules().items():
        if name == "nas" or elsewhere(name):
            continue
        room = name.split(".")[1]
        own = [where for where, _ in public(parsed(name), set()) if "." not in where]
        # What a package only passes on has its place where it is defined.
        members = f"    options:\n      members: {own}\n" if path.name == "__init__.py" else ""
        page = "modules" if path == PACKAGE / f"{room}.py" else room
        rooms.setdefault(page, []).append(f"::: {name}\n{members}")
    rooms["modules"] = rooms.pop("modules")
    return {f"{room}.md": f"# {room}\n\n" + "\n".join(parts) for room, parts in rooms.items()}


def parsed(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text())


def public(tree: ast.Module, known: set[str]) -> Iterator[tuple[str, bool]]:
    """Public functions, classes and methods of a module, and whether each has a docstring; not the
    functions in `known`, nor methods of a class with a base that may document them."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if node.name not in known:
            yield node.name, bool(ast.get_docstring(node))
        if isinstance(node, ast.ClassDef) and {ast.unparse(b) for b in node.bases} <= PLAIN:
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", bool(ast.get_docstring(inner))


def test_every_module_is_in_the_reference(pytestconfig: pytest.Config) -> None:
    made = pages()
    config = ROOT / "mkdocs.yml"
    lines = "".join(f"      - api/{page}\n" for page in made)
    text = re.sub(r"(?<=      - api/index\.md\n)(      - api/.*\n)*", lines, config.read_text())
    if pytestconfig.getoption("--regenerate-golden"):
        config.write_text(text)
        for page, content in made.items():
            (API / page).write_text(content)
    assert config.read_text() == text
    kept = {path.name: path.read_text() for path in API.glob("*.md") if path.name != "index.md"}
    assert kept == made


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text()))
    docs = ROOT / "docs"
    assert listed == {str(path.relative_to(docs)) for path in tracked(docs.rglob("*.md"))}


@pytest.mark.parametrize("room", sorted({name.split(".")[1] for name in modules() if "." in name}))
def test_every_public_name_of_a_room_has_a_docstring(room: str) -> None:
    bare = []
    for name in modules():
        if not f"{name}.".startswith(f"nas.{room}.") or elsewhere(name):
            continue
        tree = parsed(name)
        bare += [] if ast.get_docstring(tree) else [name]
        bare += [f"{name}.{where}" for where, doc in public(tree, contract(name)) if not doc]
    assert bare == []


def contract(name: str) -> set[str]:
    """What a module's functions are documented by in place of docstrings of their own: the
    documented methods of the protocol that its package's modules fulfil."""
    for package, (module, protocol) in CONTRACTS.items():
        if name.startswith(f"{package}."):
            prefix = f"{protocol}."
            documented = {where for where, doc in public(parsed(module), set()) if doc}
            return {w.removeprefix(prefix) for w in documented if w.startswith(prefix)}
    return set()
