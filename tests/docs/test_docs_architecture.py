"""docs/architecture.md names rooms, modules and functions that exist."""

import ast
import re

from test_docs_api import PACKAGE, ROOT, modules
from tracked import tracked

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or a class, function or method defined in one."""
    known = modules()
    module = name
    while module not in known:
        if "." not in module:
            return False
        module = module.rpartition(".")[0]
    scope: list[ast.stmt] = ast.parse(known[module].read_text()).body
    for part in name[len(module) + 1 :].split(".") if name != module else []:
        found = [
            node
            for node in scope
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part
        ]
        if not found:
            return False
        scope = found[0].body
    return True


def test_all_that_it_names_exists() -> None:
    named = set(re.findall(r"`(nas(?:\.\w+)+)`", ARCHITECTURE))
    assert len(named) > 40
    assert [name for name in sorted(named) if not exists(name)] == []


def test_what_does_not_exist_is_found() -> None:
    assert exists("nas.sample.base.Sampler.propose")
    for wrong in ("nas.sample.base.Sampler.suggest", "nas.sample.bases", "nas.nowhere.Sampler"):
        assert not exists(wrong)


def test_it_has_every_room_and_every_module_beside_them() -> None:
    tree = ARCHITECTURE.partition("## One candidate's path")[0]
    rooms = [path.parent.name for path in tracked(PACKAGE.glob("*/__init__.py"))]
    assert [room for room in rooms if f"\n      {room}/ " not in tree] == []
    beside = [path.stem for path in tracked(PACKAGE.glob("*.py")) if path.stem != "__init__"]
    assert [name for name in beside if f"`nas.{name}`" not in tree] == []
