"""A loss that a network is not defined for is refused before its campaign starts, with its line."""

from pathlib import Path

import pytest

from nas.campaign.refused_losses import check_losses
from nas.schema import ProblemError
from nas.space import load
from nas.space.models import place_in

HEADS = """\
template: heads
arms:
  soft: {head: soft, width: 4}
  sparse:
    head: sparse
    width: 4
    recipe: {losses: {load: 0.1}}
"""
MOE4 = """\
template: moe4
experts: {choose: 1, families: {a: [test_resnet]}}
choices: {mixing: [soft, top1], start: [frozen, finetuned]}
"""
NEEDS = "the loss load needs a gate that learns the size of its noise"


def check(path: Path, text: str) -> None:
    path.write_text(text)
    check_losses(load(str(path)), place_in(path))


@pytest.mark.parametrize(
    ("text", "line", "arm"),
    [
        (HEADS.replace("width: 4}", "width: 4, recipe.losses.load: 1}"), 3, " in soft"),
        (HEADS.replace("width: 4}", "width: 4, recipe: {losses: {z: 1, load: 1}}}"), 3, " in soft"),
        (HEADS + "recipe: {losses: {load: 1}}\n", 8, " in soft"),
        (
            HEADS.replace(
                "    recipe: {losses: {load: 0.1}}\n", "choices: {recipe.losses.load: [1]}\n"
            ),
            7,
            " in soft",
        ),
        (MOE4 + "recipe: {losses: {load: 1}}\n", 4, ""),
        (
            "template: pce\nchoices:\n  patch: [8]\n  width: [8]\nrecipe: {losses: {load: 1}}\n",
            5,
            "",
        ),
    ],
)
def test_it_is_named_with_its_line(tmp_path: Path, text: str, line: int, arm: str) -> None:
    path = tmp_path / "own.yaml"
    with pytest.raises(ProblemError) as wrong:
        check(path, text)
    assert str(wrong.value) == f"{path}:{line}: {NEEDS}{arm} — leave out losses.load there"


@pytest.mark.parametrize(
    "text",
    [
        HEADS,
        HEADS.replace("head: soft,", "head: dense, recipe.losses.load: 1,"),  # without a gate
        HEADS.replace("width: 4}", "width: 4, recipe.losses.load: 0}"),  # a control
        MOE4 + "recipe: {losses: {z: 1, entropy: 1}}\n",
        "template: heads\nchoices: {head: [soft, sparse]}\nrecipe: {losses: {load: 1}}\n",
    ],
)
def test_what_can_train_with_some_choice_is_sound(tmp_path: Path, text: str) -> None:
    check(tmp_path / "own.yaml", text)


def test_a_space_without_losses_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.campaign.refused_losses.Sandbox.call", None)
    check(tmp_path / "own.yaml", MOE4)
