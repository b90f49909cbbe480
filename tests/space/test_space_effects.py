"""Settings that would change nothing are refused for a new campaign, with their line."""

from pathlib import Path

import pytest

from nas.render import check_effects, check_space
from nas.schema import ProblemError, Space
from nas.space import available, load
from nas.space.models import place_in

PCE = """\
template: pce
image_size: 32
arms:
  dense: {experts: 1}
  moe:
    experts: [2, 4]
    recipe: {knobs: {temperature: [[0, 2], [1, 1]]}}
choices:
  width: [8]
  patch: [8]
recipe:
  epochs: 1
  knobs: {noise: 0.1}
"""
MOE4 = """\
template: moe4
experts: {choose: 2, families: {a: [resnet10t], b: [test_resnet], c: [test_vit]}}
choices:
  mixing: [soft, top1]
"""


def read(path: Path, text: str) -> Space:
    path.write_text(text)
    space = load(str(path))
    check_space(space, place_in(path))
    check_effects(space, place_in(path))
    return space


NO_KNOB = "is not a knob of this template — "
SAME = "are the same model"


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "words"),
    [
        (PCE, "noise: 0.1", "nose: 0.1", 13, f"'nose' {NO_KNOB}did you mean noise?"),
        (PCE, "noise: 0.1", "noise: -1", 13, "-1.0 is not a value of noise — give it 0 to 100"),
        (PCE, "noise: 0.1", "round_robin: [[0, 1], [1, 2]]", 13, "2.0 is not a value of round"),
        (PCE, "[1, 1]]}", "[1, 0]]}", 5, "0.0 is not a value of temperature — give it 0.05 to"),
        (PCE, "{knobs: {temperature", "{knobs: {temprature", 5, "did you mean temperature?"),
        (PCE, "width: [8]", "recipe.knobs.noise: [0, x]", 9, "'x'"),
        (PCE, "width: [8]", "recipe.knobs.noise: [0, -2]", 9, "-2.0 is not a value of noise"),
        (PCE, "width: [8]", "recipe.knobs.heat: [1, 2]", 9, f"'heat' {NO_KNOB}"),
        (MOE4, "mixing: [soft, top1]", "recipe.knobs.temperature: [1, 2]", 4, "it has no knobs"),
        (MOE4, "choices:", "recipe: {knobs: {noise: 1}}\nchoices:", 3, "it has no knobs"),
        (PCE, "dense: {experts: 1}", "dense: {network: resnet18, experts: [2, 4]}", 4, SAME),
        (
            PCE,
            "dense: {experts: 1}",
            "other: {experts: 4, recipe: {knobs: {temperature: [[0, 2], [1, 1]]}}}",
            5,
            f"moe(experts=4) and other {SAME}",
        ),
        (PCE, "dense: {experts: 1}", "dense: {experts: 1, recipe.knobs.noise: [0, 1]}", 4, SAME),
        (PCE, "dense: {experts: 1}", "dense: {experts: 1, recipe.losses.z: [0, 1]}", 4, SAME),
        (
            PCE,
            "width: [8]",
            "capacity_factor: [1, 2]",
            9,
            f"capacity_factor 1 and 2 {SAME} in dense",
        ),
        (
            PCE,
            "width: [8]",
            "recipe.momentum: [0.8, 0.9]",
            9,
            f"recipe.momentum 0.8 and 0.9 {SAME}",
        ),
        (MOE4, "mixing", "recipe.warm_lr: [0.1, 1]\n  mixing", 4, f"{SAME} — give it one value"),
        (MOE4, "mixing", "recipe.score_training: [true, false]\n  mixing", 4, SAME),
    ],
)
def test_each_is_named_with_its_line(
    tmp_path: Path, text: str, old: str, new: str, line: int, words: str
) -> None:
    assert text.count(old) == 1
    path = tmp_path / "own.yaml"
    with pytest.raises(ProblemError) as caught:
        read(path, text.replace(old, new))
    assert words in str(caught.value)
    assert caught.value.problem.where == f"{path}:{line}"


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (PCE, "", ""),
        (MOE4, "", ""),
        (PCE, "width: [8]", "capacity_factor: [3]"),  # one value: nothing is compared
        (PCE, "width: [8]", "recipe.lr: [0.1, 0.2]"),
        (
            PCE,
            "width: [8]",
            "width: [8]\n  recipe.optimizer: [adamw, sgd]\n  recipe.beta2: [0.9, 0.99]",
        ),
        (MOE4, "mixing", "start: [finetuned, frozen]\n  recipe.warm_lr: [0.1, 1]\n  mixing"),
        (MOE4, "mixing", "recipe.losses.z: [0, 0.1]\n  mixing"),
    ],
)
def test_what_has_an_effect_somewhere_is_sound(
    tmp_path: Path, text: str, old: str, new: str
) -> None:
    read(tmp_path / "own.yaml", text.replace(old, new) if old else text)


@pytest.mark.parametrize("name", sorted(available()))
def test_the_shipped_spaces_are_sound(name: str) -> None:
    check_effects(load(name))


def test_a_space_too_large_to_compare_is_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        PCE.replace("width: [8]", "capacity_factor: [1, 2]").replace("{experts: 1}", "{}")
    )
    space = load(str(path)).without(["moe(experts=4)"])
    check_effects(space)
    path.write_text(PCE.replace("width: [8]", "capacity_factor: [1, 2]"))
    space = load(str(path))
    with pytest.raises(ProblemError, match="are the same model in dense"):
        check_effects(space)
    monkeypatch.setattr("nas.render.effects.COMBINATIONS", 3)
    check_effects(space)
