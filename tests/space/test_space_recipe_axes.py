"""Fields of the recipe as axes: resolved when a candidate is made."""

import pytest

from nas import space
from nas.campaign.checks import check_recipes
from nas.render import check_space, render
from nas.schema import Assignment, Candidate, ExpertChoice, ProblemError, Space, Task
from nas.space.write import dump

GOOD = """\
template: heads
arms:
  dense: {head: dense}
  soft: {head: soft, recipe.losses.kl: [0, 0.2]}
  sparse:
    head: sparse
    recipe: {losses: {load: 0.1}, schedule: [[0, 1], [0.6, 1], [0.6, 0.1]]}
choices:
  recipe.lr: [0.001, 0.01]
recipe: {epochs: 2, balance_weight: [[0.1, 0], [0.1, 0.01]]}
"""


def parsed(text: str) -> Space:
    return space.parse(text, "my.yaml", "my")


def checked(text: str) -> Space:
    found = parsed(text)
    check_space(found)
    check_recipes(found)
    return found


def candidate(found: Space, arm: str, label: str, lr: float) -> Candidate:
    point = Assignment((ExpertChoice(arm, label),), (("recipe.lr", lr),))
    return Candidate.of(found, point, Task(), template_hash="")


def test_a_candidate_s_recipe_is_that_of_its_arm_and_choices() -> None:
    found = parsed(GOOD)
    assert found.groups["soft"] == ("soft(recipe.losses.kl=0)", "soft(recipe.losses.kl=0.2)")
    made = candidate(found, "soft", "soft(recipe.losses.kl=0.2)", 0.01)
    assert (made.recipe.lr, made.recipe.losses) == (0.01, {"kl": 0.2})
    assert made.recipe.balance_weight == ((0.1, 0.0), (0.1, 0.01))
    assert made.settings == {"recipe.lr": 0.01, "head": "soft"}
    assert made.template_settings == {"head": "soft"}
    assert "def build" in render(made)
    other = candidate(found, "sparse", "sparse", 0.001)
    assert other.recipe.losses == {"load": 0.1}
    assert other.recipe.schedule == ((0.0, 1.0), (0.6, 1.0), (0.6, 0.1))
    assert Candidate.model_validate_json(other.model_dump_json()).key == other.key


def test_such_spaces_are_sound_and_are_read_as_they_are_written() -> None:
    found = checked(GOOD)
    assert parsed(dump(found)) == found
    assert Space.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("recipe.lr", "recipe.rate", "recipe has no field 'rate'"),
        ("recipe.lr: [0.001, 0.01]", "recipe.lr: [0.001, 20]", "should be less than or equal to"),
        ("recipe.lr: [0.001, 0.01]", "recipe.augment: [dark]", "recipe.augment cannot be 'dark'"),
        ("recipe.lr: [0.001, 0.01]", "recipe.losses.zed: [1]", "no loss is called 'zed'"),
        ("recipe.lr: [0.001, 0.01]", "recipe.procedure: [jont]", "did you mean joint"),
        ("recipe.lr: [0.001, 0.01]", "recipe.procedure: [joint, gate]", "procedure must train exp"),
        ("recipe.losses.kl", "recipe.losses.lk", "unknown loss 'lk' in arms.soft[0].recipe.losses"),
        (
            "recipe.losses.kl: [0,",
            "recipe.lr: [1,",
            "4: recipe.lr is a choice and a setting of arm soft",
        ),
        ("recipe.losses.kl: [0,", "recipe.lr: [0,", "4: arms.soft[0].recipe.lr should be greater"),
        (
            "recipe.losses.kl",
            "recipe.looses",
            "4: unknown field 'looses' in arms.soft[0].recipe — did",
        ),
        ("recipe.losses.kl", "recipe.losses", "4: arms.soft[0].recipe.losses should be a mapping"),
        (
            "    head: sparse",
            "    head: sparse\n    recipe.warmup: 2",
            "7: arms.sparse[0].recipe.warmup",
        ),
        (
            "    head: sparse",
            "    recipe.losses.load: 1",
            "5: arms.sparse[0] gives recipe.losses.load",
        ),
        (
            "recipe.lr: [0.001",
            "recipe.losses.load: [0.001",
            "5: recipe.losses.load is a choice and",
        ),
        (
            "recipe.lr: [0.001",
            "recipe.momentum.lr: [0.001",
            "no fields of its own — write recipe.mo",
        ),
        ("recipe.lr: [0.001", "recipe.knobs: [0.001", "values by name — write recipe.knobs.NAME"),
        ("losses: {load: 0.1}, ", "lr: 0.5, ", "recipe.lr is a choice and a setting of arm sparse"),
        ("recipe: {epochs: 2", "recipe: {settings: {x: 1}, epochs: 2", "joint has no setting 'x'"),
        ("recipe: {epochs: 2", "recipe: {settings: {x: [1]}, epochs: 2", "settings.x"),
        ("[[0, 1], [0.6, 1]", "[[0, 2], [0.6, 1]", "should have values from 0 to 1"),
        ("[0.1, 0.01]]", "[0.05, 0.01]]", "shares of training rise"),
    ],
)
def test_each_fault_is_named(old: str, new: str, words: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ProblemError) as caught:
        checked(GOOD.replace(old, new))
    assert words in str(caught.value)


NESTED = """\
template: heads
arms:
  s:
  - {recipe: {losses: {load: 0.1}}}
  - {recipe: {losses: {load: 0.4}}}
  - {recipe: {losses: {}}}
  - {recipe: {losses: {load: [[0, 1]], kl: 1}, optimizer: adamw}}
recipe: {losses: {z: 2}, optimizer: sgd}
"""


def test_a_mapping_of_a_variant_s_recipe_is_its_fields() -> None:
    """It replaces the space's, and a field that is given its default is changed too."""
    found = checked(NESTED)
    assert found.groups["s"] == (
        "s(recipe.losses.load=0.1)",
        "s(recipe.losses.load=0.4)",
        "s",
        "s(recipe.losses.load,recipe.losses.kl=1.0,recipe.optimizer=adamw)",
    )
    recipes = [found.recipe_of(variant) for variant in found.arms["s"]]
    assert [recipe.losses for recipe in recipes] == [
        *({"load": 0.1}, {"load": 0.4}, {}, {"load": ((0.0, 1.0),), "kl": 1.0})
    ]
    assert [recipe.optimizer for recipe in recipes] == ["sgd", "sgd", "sgd", "adamw"]
    text = dump(found)
    assert parsed(text) == found
    assert dump(found) == text
    assert Space.model_validate_json(found.model_dump_json()) == found


def test_the_start_of_experts_is_an_axis_of_every_space_with_experts() -> None:
    text = "template: moe4\nexperts: {choose: 1, families: {resnet: [resnet10t]}}\n"
    check_space(parsed(text + "choices: {start: [scratch, frozen]}\n"))
    with pytest.raises(ProblemError, match="'thawed' is not a value of start"):
        check_space(parsed(text + "choices: {start: [thawed]}\n"))
    with pytest.raises(ProblemError, match="'start' is not an axis of this template"):
        check_space(parsed("template: heads\nchoices: {start: [scratch]}\n"))
