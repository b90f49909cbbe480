"""docs/systems.md names every axis and every knob of the templates that it describes."""

from pathlib import Path

import pytest

from nas.render import axes
from nas.render.axes import knobs

SYSTEMS = (Path(__file__).parents[2] / "docs" / "systems.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("template", ["pce", "heads", "routing", "growth"])
def test_axes_of(template: str) -> None:
    _, found, after = SYSTEMS.partition(f": `{template}`\n")
    assert found
    section = after.partition("\n## ")[0]
    names = [*axes(template), *knobs(template)]
    assert names
    assert [name for name in names if f"`{name}`" not in section] == []
