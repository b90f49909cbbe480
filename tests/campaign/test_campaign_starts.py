"""What cannot be trained is refused before a campaign: finetuned experts whose learning rate would
leave its bounds, and experts for domains that a data set does not name."""

import pytest
from campaign_bench import small_space

from nas.campaign.bank import check_starts
from nas.campaign.checks import check_domains
from nas.schema import BankConfig, Choice, ProblemError, Recipe, SearchConfig, Space
from nas.space import load

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


def test_domains_that_a_data_set_does_not_name() -> None:
    given, digits = load("hot-plug"), SearchConfig(dataset="digits")
    check_domains(given, SearchConfig(dataset=given.dataset))
    with pytest.raises(ProblemError, match="digits names no domains of its classes") as wrong:
        check_domains(given, digits)
    assert "--set recipe.settings.domains=even" in str(wrong.value)
    even = given.recipe.having({"settings.domains": "even"})
    check_domains(given.with_(recipe=even), digits)
    check_domains(small_space(), digits)
