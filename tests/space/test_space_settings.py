"""Settings that are typed, in place of those of the space's file."""

import re

import pytest

from nas.schema import ProblemError, UsageError
from nas.space import find, load
from nas.space.settings import parse_settings, place_of, with_settings


def typed(*words: str, space: str = "moe4") -> object:
    return with_settings(load(space), parse_settings(list(words)))


def test_nothing_typed_changes_nothing() -> None:
    assert typed() == load("moe4")


def test_settings_by_their_names_in_a_file() -> None:
    before = load("moe4")
    changed = with_settings(
        before,
        parse_settings(["recipe.warmup=0.2", "recipe.augment=none", "choices.mixing=[soft]"]),
    )
    assert (changed.recipe.warmup, changed.recipe.augment) == (0.2, "none")
    assert changed.recipe.with_(warmup=before.recipe.warmup, augment=before.recipe.augment) == (
        before.recipe
    )
    assert {c.name: c.values for c in changed.choices}["mixing"] == ("soft",)
    assert changed.experts == before.experts


def test_members_follow_the_image_size() -> None:
    before = load("moe4")
    after = with_settings(before, {"image_size": 32})
    sizes = {m.args["img_size"] for _, m in before.members if "img_size" in m.args}
    assert sizes == {64} == {before.image_size}
    assert {m.args["img_size"] for _, m in after.members if "img_size" in m.args} == {32}
    assert after.image_size == 32


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("recipe.wramup=0.2", "unknown field 'wramup' in recipe"),
        ("nonesuch=1", "unknown field 'nonesuch'"),
        ("recipe.warmup=2", "recipe.warmup should be less than 1"),
        (
            "recipe.augment=loud",
            "recipe.augment is 'loud', not one of none, light, standard, strong",
        ),
        ("image_size.x=1", "image_size"),
        ("recipe.warmup", "'recipe.warmup' sets nothing"),
        ("=1", "'=1' sets nothing"),
        ("experts.choose=99", "experts.choose"),
        ("experts.choose=true", "experts.choose should be a number; true given"),
        ("recipe.losses={z: true}", "recipe.losses should contain numbers, not true or false"),
    ],
)
def test_errors_name_the_setting(word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        typed(word)
    assert message in str(caught.value)
    assert "--set" in str(caught.value)


def test_a_setting_of_the_recipe_without_its_prefix() -> None:
    with pytest.raises(UsageError, match=r"write recipe\.warmup"):
        typed("warmup=0.2")


def test_what_was_set_is_placed_there_and_the_rest_in_the_file() -> None:
    place = place_of({"choices.mixing": "[hard]"}, find("tiny"))
    assert place(("choices", "mixing", 0)) == "--set choices.mixing"
    assert re.search(r"tiny\.yaml:\d+$", place(("experts", "choose")))


def test_a_value_that_is_no_yaml() -> None:
    with pytest.raises(ProblemError, match=r"--set recipe\.warmup"):
        typed("recipe.warmup=[1")
