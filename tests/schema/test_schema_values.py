"""Frozen values stay sound when they change: whatever a change gives was validated."""

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

import nas
from nas.schema import (
    Candidate,
    Choice,
    DatasetInfo,
    Epoch,
    Frozen,
    Recipe,
    SearchConfig,
    Space,
    Task,
)

SPACE = Space(name="s", choices=(Choice(name="a", values=(1,)),))


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (Recipe(), {"epochs": 20_000}),
        (Recipe(), {"epochs": 0}),
        (Recipe(), {"clip_norm": float("inf")}),
        (Recipe(), {"mixup_alpha": float("nan")}),
        (Recipe(), {"cutmix": 1.5}),
        (Recipe(), {"augment": "loud"}),
        (Recipe(), {"epoch": 1}),
        (Task(), {"hold_out": 1.0}),
        (SPACE, {"choices": ()}),
        (SPACE, {"image_size": 4}),
        (SPACE, {"recipe": {"epochs": 0}}),
        (SearchConfig(), {"workers": 0}),
        (SearchConfig(), {"budget_seconds": float("inf")}),
    ],
    ids=str,
)
def test_a_change_is_validated(value: Frozen, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        value.with_(**changes)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Recipe, "epochs"),
        (Recipe, "lr"),
        (Recipe, "losses"),
        (Recipe, "cutmix"),
        (Space, "image_size"),
        (Candidate, "replicate"),
        (SearchConfig, "trials"),
        (DatasetInfo, "std"),
        (DatasetInfo, "value_range"),
        (Epoch, "gate_entropy"),
        (Epoch, "metrics"),
    ],
)
@pytest.mark.parametrize("given", [True, False, [True, 0.5], {"a": False}], ids=str)
def test_true_and_false_are_no_numbers(
    value: type[Frozen], name: str, given: list[object] | dict[str, object] | bool
) -> None:
    with pytest.raises(ValidationError) as caught:
        value.model_validate({name: given})
    assert name in {error["loc"][0] for error in caught.value.errors()}


def test_true_remains_a_setting() -> None:
    assert Choice(name="noise", values=(True, 1)).values == (True, 1)


def test_a_change_gives_another_value_and_leaves_the_first() -> None:
    recipe = Recipe(epochs=3, lr=0.5)
    assert recipe.with_(epochs=4) == Recipe(epochs=4, lr=0.5)
    assert recipe == Recipe(epochs=3, lr=0.5)
    assert recipe.with_() == recipe


def test_nothing_that_was_worked_out_is_carried_over() -> None:
    first = Candidate(template="t", template_hash="h", image_size=8, recipe=Recipe(), task=Task())
    assert first.key
    assert first.with_(replicate=1).key == first.with_replicate(1).key != first.key
    assert first.with_replicate(1).with_replicate(0).key == first.key


def test_the_bank_experts_of_a_candidate_keep_their_name_in_its_data() -> None:
    """`init_from` was called `warm` when ledgers and banks were written: keys depend on it."""
    plain = Candidate(template="t", template_hash="h", image_size=8, recipe=Recipe(), task=Task())
    banked = plain.with_(init_from=("abc",))
    data = banked.model_dump(mode="json")
    assert data["warm"] == ["abc"]
    assert "init_from" not in data
    assert "warm" not in plain.model_dump()
    assert Candidate.model_validate(data) == banked == pickle.loads(pickle.dumps(banked))
    older = Candidate.model_validate_json(
        '{"template": "moe4", "template_hash": "0", "image_size": 16, "recipe": {}, "task": {},'
        ' "warm": ["abc"]}'
    )
    assert older.key == "3ebfdaed77e7ee94"


def test_no_code_changes_a_value_past_its_checks() -> None:
    files = Path(nas.__file__).parent.rglob("*.py")
    assert [str(path) for path in files if ".model_copy(" in path.read_text()] == []


def test_finetuning_that_leaves_the_bounds_is_refused() -> None:
    assert Recipe(lr=1, warm_lr=0.5, gate_lr_multiplier=2).finetuned() == Recipe(
        lr=0.5, warm_lr=0.5, gate_lr_multiplier=4
    )
    with pytest.raises(ValidationError):
        Recipe(lr=10, warm_lr=2).finetuned()
