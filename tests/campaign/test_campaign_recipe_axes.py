"""Campaigns whose candidates have different recipes: what is read from them is each one's own."""

from collections.abc import Callable, Iterator

import pytest
from campaign_bench import Bench, ok, small_space

from nas.campaign.checks import check_scheduler
from nas.campaign.profiling import conditions_for
from nas.results.power import ProfiledTime
from nas.schema import (
    Choice,
    Epoch,
    MemberProfile,
    Outcome,
    ProblemError,
    Recipe,
    SearchConfig,
    Space,
    Trial,
    Variant,
)

EPOCHS = Choice(name="recipe.epochs", values=(3, 9))
ASHA = SearchConfig(scheduler="asha")
ARMS = Space(
    name="arms",
    template="heads",
    arms={
        "short": (Variant(label="short"),),
        "long": (Variant(label="long", recipe={"epochs": 9}),),
    },
    recipe=Recipe(epochs=3),
)


def with_choice(*choices: Choice) -> Space:
    return small_space().with_(choices=choices)


@pytest.mark.parametrize(
    ("space", "part"),
    [(with_choice(EPOCHS), ("choices", "recipe.epochs")), (ARMS, ("arms", "long"))],
)
def test_early_stopping_needs_one_number_of_epochs(space: Space, part: tuple[str, ...]) -> None:
    check_scheduler(space, SearchConfig())
    with pytest.raises(ProblemError, match="trains for 3, 9 epochs") as wrong:
        check_scheduler(space, ASHA, str)
    assert wrong.value.problem.where == str(part)
    assert "leave out --scheduler asha" in wrong.value.problem.fix


def test_one_number_that_is_not_the_recipe_s_is_sound() -> None:
    check_scheduler(with_choice(Choice(name="recipe.epochs", values=(9,))), ASHA)
    check_scheduler(ARMS.without(["short"]), ASHA)


def test_rungs_are_those_of_the_candidate_s_own_epochs(bench: Callable[..., Bench]) -> None:
    """A choice of 3 epochs beside a recipe of 9: the third is the last, and no rung."""
    space = small_space(epochs=9).with_(choices=(Choice(name="recipe.epochs", values=(3,)),))
    campaign = bench(trials=2, scheduler="asha", space=space)
    late: Iterator[list[float]] = iter([[0.5, 0.5, 0.5], [0.6, 0.6, 0.1]])

    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        values = next(late)
        for made, value in zip(ok(trial), [*values, values[-1]], strict=True):
            yield made.with_(val_acc=value)

    campaign.run(script)
    assert [trial.rungs for trial in campaign.trials] == [(1,), (1,)]
    assert [outcome for _, outcome in campaign.outcomes()] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("values", "profiled"), [(("bf16", "fp32"), "fp32"), (("bf16",), "bf16"), (("auto",), "fp32")]
)
def test_members_are_profiled_in_the_precision_that_needs_most(
    values: tuple[str, ...], profiled: str
) -> None:
    chosen = with_choice(Choice(name="recipe.precision", values=values))
    same = small_space().with_(recipe=Recipe(precision=profiled))
    found, expected = (conditions_for(each, SearchConfig(), 10) for each in (chosen, same))
    assert found.precision == expected.precision


def test_a_plan_reckons_with_the_mean_number_of_epochs() -> None:
    profiles = {
        member.model: MemberProfile(member=member, ok=True, seconds=1.0, batch=100)
        for _, member in small_space().members
    }
    one = ProfiledTime.of(small_space(epochs=6), profiles, 1000, 1)
    assert ProfiledTime.of(with_choice(EPOCHS), profiles, 1000, 1) == one
