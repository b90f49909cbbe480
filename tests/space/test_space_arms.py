"""Arms in a space file: kinds of model, each with its variants."""

import pytest

from nas import space
from nas.schema import ProblemError, Space, Variant
from nas.space.write import dump

GOOD = """\
template: heads
dataset: noisy-digits
arms:
  dense: {head: dense}
  soft: [{head: soft}, {head: soft, recipe: {lr: 0.5}}]
  sparse: {head: sparse, top_k: [2, 4], hidden: [8, 16]}
reference: soft
replicates: 3
choices:
  width: [8, 16]
recipe: {epochs: 2, lr: 1e-3}
"""


def parsed(text: str) -> Space:
    return space.parse(text, "my.yaml", "my")


def test_a_list_is_a_variant_each() -> None:
    found = parsed(GOOD)
    assert found.groups == {
        "dense": ("dense",),
        "soft": ("soft", "soft(recipe.lr=0.5)"),
        "sparse": (
            "sparse(top_k=2,hidden=8)",
            "sparse(top_k=2,hidden=16)",
            "sparse(top_k=4,hidden=8)",
            "sparse(top_k=4,hidden=16)",
        ),
    }
    assert found.arms["sparse"][2].settings == {"head": "sparse", "top_k": 4, "hidden": 8}
    assert (found.reference, found.replicates, found.k, found.subsets) == ("soft", 3, 1, 3)
    assert found.dataset == "noisy-digits"


def test_a_variant_may_change_the_recipe() -> None:
    found = parsed(GOOD)
    first, second = found.arms["soft"]
    assert found.recipe_of(first) == found.recipe
    assert found.recipe_of(second) == found.recipe.with_(lr=0.5)


def test_an_arm_without_settings_is_called_like_itself() -> None:
    found = parsed("template: heads\narms:\n  dense:\n  soft: {head: soft}\n")
    assert found.arms["dense"] == (Variant(label="dense"),)


def test_what_is_written_is_read_as_the_same_space() -> None:
    found = parsed(GOOD)
    assert parsed(dump(found)) == found


def test_data_of_spaces_without_arms_are_as_they_were() -> None:
    found = parsed("template: heads\nchoices: {head: [dense, soft]}\n")
    assert not {"arms", "dataset", "reference", "replicates"} & found.model_dump().keys()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("head: dense}", "head: soft}", "5: soft and dense are the same model — remove"),
        ("width: [8", "hidden: [8", "6: hidden is a choice and a setting of arm sparse"),
        (
            "reference: soft",
            "reference: hard",
            "7: reference 'hard' is not an arm — give the name of",
        ),
        ("dense: {head", "de nse: {head", "should be a name"),
        ("{lr: 0.5}", "{lr: 50}", "5: arms.soft[1].recipe.lr should be less than or equal to 10"),
        ("{lr: 0.5}", "{rl: 0.5}", "5: unknown field 'rl' in arms.soft[1].recipe"),
        ("top_k: [2, 4]", "top_k: []", "6: arms.sparse[0].top_k is empty"),
        ("top_k: [2, 4]", "top_k: [[2]]", "should be text, a number, true or false"),
        ("top_k: [2, 4]", "Top_k: [2, 4]", "should be a name"),
        ("hidden: [8, 16]", f"hidden: {list(range(1, 600))}", "have 1,201 variants, and at most"),
        ("replicates: 3", "replicates: 0", "8: replicates should be greater than or equal to 1"),
        ("replicates: 3", "replicates: true", "8: replicates should be a number; true given"),
        ("  dense: {head: dense}\n", "  dense: 5\n", "4: arms.dense"),
    ],
)
def test_each_fault_is_named(old: str, new: str, words: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ProblemError) as caught:
        parsed(GOOD.replace(old, new))
    assert words in str(caught.value)


def test_arms_and_experts_exclude_each_other() -> None:
    both = GOOD + "experts: {choose: 1, families: {resnet: [resnet10t]}}\n"
    with pytest.raises(ProblemError, match="either experts or arms"):
        parsed(both)
