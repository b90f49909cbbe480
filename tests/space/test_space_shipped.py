"""Over every space in `search_spaces/`: a file dropped there is tested from birth."""

from pathlib import Path

import pytest
from loaded_modules import loaded_by
from tracked import tracked

from nas import resources, space

SPACES = sorted(resources.shipped("search_spaces").glob("*.yaml"))

pytestmark = pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)


def test_loads_by_name_and_by_path(path: Path) -> None:
    by_name = space.load(path.stem)
    assert by_name.name == path.stem
    assert by_name == space.load(str(path))


def test_dumps_to_text_that_loads_equal(path: Path) -> None:
    loaded = space.load(path.stem)
    assert space.parse(space.dump(loaded), path.name, path.stem) == loaded


def test_says_what_it_is(path: Path) -> None:
    if not tracked([path]):
        pytest.skip("an own space need not")
    assert space.load(path.stem).description


def test_its_models_are_timm_models(path: Path) -> None:
    space.check_models(space.load(path.stem), path)


def test_loading_is_light(path: Path) -> None:
    """`nas spaces` answers at once: a space loads without torch and timm."""
    code = f"from nas import space; space.load({str(path)!r})"
    assert not loaded_by(code) & {"torch", "timm", "ray", "pandas"}
