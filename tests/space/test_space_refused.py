"""Settings that cannot be are refused when a space is read, with their line."""

from pathlib import Path

import pytest

from nas.campaign.checks import check_recipes
from nas.render import check_space
from nas.schema import ProblemError
from nas.space import load
from nas.space.models import place_in

HEADS = """\
template: heads
arms:
  dense: {head: dense}
  soft: {head: soft, experts: 4}
  softmoe: {head: softmoe, slots: 1}
  sparse:
    head: sparse
    top_k: 2
choices:
  hidden: [64]
"""
PCE = """\
template: pce
image_size: 32
arms:
  dense: {experts: 1}
  moe: {experts: [2, 4]}
choices:
  width: [8]
  patch: [8]
recipe: {epochs: 1}
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "words"),
    [
        (HEADS, "top_k: 2", "top_k: 9", 8, "top_k 9 is larger than the number of experts"),
        (HEADS, "slots: 1", "slots: 4", 5, "have more slots than an image has tokens"),
        (HEADS, "experts: 4", "experts: 1", 4, "1 is not a value of experts — give it 2 to 64"),
        (HEADS, "hidden: [64]", "hidden: [64, 0]", 10, "0 is not a value of hidden"),
        (HEADS, "head: sparse", "head: spare", 7, "did you mean sparse"),
        (
            PCE,
            "patch: [8]",
            "patch: [8, 5]",
            8,
            "patch 5 does not divide 32, ",
        ),
        (
            PCE,
            "patch: [8]",
            "patch: [2]",
            8,
            "patch 2 would be smaller than 2",
        ),
        (PCE, "patch: [8]", "patch: [32]", 8, "one patch alone"),
        (PCE, "[2, 4]}", "[2, 4], capacity_factor: 0.5}", 5, "0.5 is not a value of"),
        (PCE, "[2, 4]}", "[2, 4], capacity: image}", 5, "'image' is not a value of capacity"),
        (PCE, "{epochs: 1}", "{epochs: 1, losses: {zed: 1}}", 9, "unknown loss 'zed'"),
        (PCE, "{epochs: 1}", "{knobs: {temperature: warm}}", 9, "should be a number, or a list"),
        (PCE, "{epochs: 1}", "{schedule: [[0, 0], [1, 0]]}", 9, "should have a value above 0"),
        (PCE, "{epochs: 1}", "{gate_schedule: [[0, 2]]}", 9, "factors on the learning rate"),
    ],
)
def test_each_is_named_with_its_line(
    tmp_path: Path, text: str, old: str, new: str, line: int, words: str
) -> None:
    assert text.count(old) == 1
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ProblemError) as caught:
        read(path)
    assert words in str(caught.value)
    assert caught.value.problem.where == f"{path}:{line}"


def read(path: Path) -> None:
    space = load(str(path))
    check_space(space, place_in(path))
    check_recipes(space, place_in(path))


@pytest.mark.parametrize("text", [HEADS, PCE])
def test_what_they_were_made_of_is_sound(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    read(path)
