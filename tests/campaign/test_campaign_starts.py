"""Finetuned experts whose learning rate would leave its bounds are refused before a campaign."""

import pytest
from campaign_bench import small_space

from nas.campaign.bank import check_starts
from nas.schema import BankConfig, Choice, ProblemError, Recipe, SearchConfig, Space

FROM_BANK = SearchConfig(experts="bank-1")


def space(*choices: Choice, **recipe: float) -> Space:
    start = Choice(name="start", values=("finetuned", "frozen"))
    return small_space().with_(choices=(start, *choices), recipe=Recipe(**recipe))


def test_all_values_of_the_choices_count() -> None:
    check_starts(space(Choice(name="recipe.warm_lr", values=(0.1, 0.01))), FROM_BANK)
    tiny = Choice(name="recipe.warm_lr", values=(0.1, 0.001))
    with pytest.raises(ProblemError, match="gate_lr_multiplier beyond its bounds") as wrong:
        check_starts(space(tiny), FROM_BANK)
    assert "bring warm_lr nearer to 1" in str(wrong.value)
    large = Choice(name="recipe.lr", values=(0.1, 9.0))
    with pytest.raises(ProblemError, match="have a lr beyond its bounds"):
        check_starts(space(large, warm_lr=2.0), FROM_BANK)
    check_starts(space(tiny).with_(choices=(tiny,)), SearchConfig())  # none are finetuned


def test_a_bank_of_tuned_experts_has_no_such_choice() -> None:
    alone = small_space(k=1).with_(template="single", choices=(), recipe=Recipe(warm_lr=0.001))
    check_starts(alone, BankConfig())
    with pytest.raises(ProblemError, match="beyond its bounds"):
        check_starts(alone, BankConfig(experts="bank-1"))
