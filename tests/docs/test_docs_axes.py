"""docs/systems.md names every axis and every knob of the templates that it describes."""

from pathlib import Path

import pytest

from nas.render import axes
from nas.render.axes import knobs

SYSTEMS = (Path(__file__).parents[2] / "docs" / "systems.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("template", "until"), [("pce", "## Classifier heads"), ("heads", "\n[fig")]
)
def test_axes_of(template: str, until: str) -> None:
    _, _, section = SYSTEMS.partition(f": `{template}`\n")
    section, found, _ = section.partition(until)
    assert found
    names = [*axes(template), *knobs(template)]
    assert names
    assert [name for name in names if f"`{name}`" not in section] == []
