"""Finding templates, and hashing what they are made of."""

import os
import shutil
import time
from pathlib import Path

import pytest
from render_samples import candidate

from nas.render import axes, render, template_hash, templates
from nas.resources import shipped

MINE = '{% set depth = axis("depth", 2, values=[1, 2]) %}\n{% include "_part.py.j2" %}\n'
PART = "def build(num_classes):\n    return {{ depth | literal }}\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory's own templates folder, with one template and its partial."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "mine.py.j2").write_text(MINE)
    (folder / "_part.py.j2").write_text(PART)
    monkeypatch.chdir(tmp_path)
    return folder


def test_own_templates_stand_beside_the_shipped_ones(own: Path) -> None:
    assert templates()["mine"] == own / "mine.py.j2"
    assert templates()["moe4"] == shipped("templates") / "moe4.py.j2"
    assert "_part" not in templates()


def test_an_own_template_renders(own: Path) -> None:
    assert render(candidate("mine")) == "def build(num_classes):\n    return 2\n"
    assert "return 1" in render(candidate("mine", depth=1))
    assert axes("mine")["depth"].values == (1, 2)


def test_an_own_template_may_include_shipped_partials(own: Path) -> None:
    (own / "mine.py.j2").write_text(
        '{% include "_gate.py.j2" %}\n\n\n' + PART.replace("depth", "3")
    )
    assert "class Gate(nn.Module):" in render(candidate("mine"))


def test_an_own_partial_wins_over_the_shipped_one(own: Path) -> None:
    before = template_hash("moe4")
    changed = (shipped("templates") / "_gate.py.j2").read_text().replace("nn.ReLU", "nn.SiLU")
    (own / "_gate.py.j2").write_text(changed)
    assert "nn.SiLU" in render(candidate())
    assert template_hash("moe4") != before


def test_hash_changes_with_the_template_and_with_its_partials(own: Path) -> None:
    first = template_hash("mine")
    assert first == template_hash("mine")
    (own / "_part.py.j2").write_text(PART + "# more\n")
    second = template_hash("mine")
    (own / "mine.py.j2").write_text(MINE + "# more\n")
    third = template_hash("mine")
    assert len({first, second, third}) == 3


def test_hash_reaches_partials_of_partials(own: Path) -> None:
    (own / "_part.py.j2").write_text(PART + '{% import "_deep.py.j2" as deep %}\n')
    (own / "_deep.py.j2").write_text("{# one #}")
    before = template_hash("mine")
    (own / "_deep.py.j2").write_text("{# two #}")
    assert template_hash("mine") != before


def test_hash_does_not_depend_on_where_the_files_lie(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = template_hash("mine")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(own, elsewhere / "templates")
    monkeypatch.chdir(elsewhere)
    assert template_hash("mine") == before


def test_an_edit_is_seen_at_once(own: Path) -> None:
    assert "return 2" in render(candidate("mine"))
    (own / "_part.py.j2").write_text(PART.replace("return", "return 10 +"))
    later = time.time() + 5  # clocks of file systems tick in milliseconds
    os.utime(own / "_part.py.j2", (later, later))
    assert "return 10 + 2" in render(candidate("mine"))


def test_partials_that_are_python_write_nothing_into_the_folder() -> None:
    assert not (shipped("templates") / "__pycache__").exists()
