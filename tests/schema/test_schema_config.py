"""Configurations as ledgers have them, and what a candidate's training makes of its recipe."""

import pytest
from pydantic import ValidationError

from nas.schema import (
    FINETUNED,
    FROZEN,
    GATE,
    SCRATCH,
    BankConfig,
    Candidate,
    Recipe,
    ScreenConfig,
    SearchConfig,
    Task,
    campaign_config,
)

OLD = {  # a campaign of either kind once had all settings
    "dataset": "digits",
    "split_seed": 3,
    "hold_out": 0.2,
    "bank": False,
    "bank_bytes": None,
    "screen": None,
    "sampler": "tpe",
    "trials": 7,
    "keep_weights": "none",
}


@pytest.mark.parametrize("config", [SearchConfig(trials=3, drop=("a",)), BankConfig(replicate=2)])
def test_what_is_written_is_read(config: SearchConfig | BankConfig) -> None:
    assert campaign_config(config.model_dump(mode="json")) == config


def test_older_ones_are_read() -> None:
    search = campaign_config(OLD)
    assert search == SearchConfig(
        split_seed=3, hold_out=0.2, sampler="tpe", trials=7, keep_weights="none"
    )
    bank = campaign_config({**OLD, "bank": True, "bank_bytes": 9})
    assert bank == BankConfig(split_seed=3, hold_out=0.2, bank_bytes=9, keep_weights="none")


@pytest.mark.parametrize("data", [{"luck": 1}, {"workers": 0}, {"bank": True, "top": 0, "x": 1}])
def test_what_is_none_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        campaign_config(data)


def test_an_older_screen_s_has_a_campaign_s_settings_too() -> None:
    assert ScreenConfig.recorded({**OLD, "top": 5, "limit": 10, "left_out": 4}) == ScreenConfig(
        split_seed=3, hold_out=0.2, top=5, limit=10
    )


@pytest.mark.parametrize("start", [SCRATCH, FROZEN, FINETUNED])
def test_the_recipe_as_training_applies_it(start: str) -> None:
    recipe = Recipe(lr=0.01, warm_lr=0.2, gate_lr_multiplier=3.0, settings={"alone": 1})
    candidate = Candidate(
        template="moe4",
        template_hash="0",
        image_size=16,
        choices={} if start == SCRATCH else {"start": start},
        recipe=recipe,
        task=Task(),
        init_from=() if start == SCRATCH else ("key",),
    )
    assert candidate.source.start == start
    found = candidate.training_recipe
    if start == SCRATCH:
        assert found == recipe
    elif start == FROZEN:
        assert found == recipe.with_(procedure=GATE, settings={})  # the experts' procedure's
    else:
        assert found.lr == pytest.approx(0.002)
        assert found.lr * found.gate_lr_multiplier == pytest.approx(0.03)
    assert candidate.recipe == recipe  # what it was asked, by which it is known
