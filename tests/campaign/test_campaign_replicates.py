"""Arms, and the repetition of every successful candidate with new seeds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from campaign_bench import Bench, ending, ok

from nas.render import render
from nas.schema import (
    Assignment,
    Candidate,
    Choice,
    Epoch,
    ExpertChoice,
    Outcome,
    Recipe,
    Space,
    Status,
    Task,
    Trial,
    Variant,
)
from nas.schema.stop import Stop, StopReason

HALT = Stop(StopReason.SIGNAL, "test")

ARMS = Space(
    name="arms",
    template="heads",
    arms={
        "dense": (Variant(label="dense", settings={"head": "dense"}),),
        "soft": (
            Variant(label="soft(experts=4)", settings={"head": "soft", "experts": 4}),
            Variant(label="soft(experts=8)", settings={"head": "soft", "experts": 8}),
        ),
    },
    replicates=3,
    recipe=Recipe(epochs=1),
)


def made(trials: list[Trial]) -> list[tuple[str, int]]:
    return [(t.candidate.assignment.picks[0].model, t.candidate.replicate) for t in trials]


def test_one_seed_of_all_comes_before_the_next_seed(tmp_path: Path) -> None:
    campaign = Bench(tmp_path, ARMS, trials=None, controls=True)
    campaign.run()
    drawn = [label for label, _ in made(campaign.trials)[:3]]
    assert set(drawn) == {"dense", "soft(experts=4)", "soft(experts=8)"}
    assert made(campaign.trials) == [(label, seed) for seed in range(3) for label in drawn]
    assert len({trial.candidate.seed for trial in campaign.trials}) == 9
    assert campaign.outcomes("replicate") == [(n, "ok") for n in range(6)]
    assert campaign.outcomes("control") == []  # no part of an arm can be trained alone
    assert not campaign.ledger.check()


def test_what_fails_is_not_repeated(tmp_path: Path) -> None:
    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        failed = trial.candidate.families == ("dense",)
        return (ending(Status.NAN, stage="train") if failed else ok)(trial)

    campaign = Bench(tmp_path, ARMS, trials=None)
    campaign.run(script)
    assert [seed for label, seed in made(campaign.trials) if label == "dense"] == [0]
    assert campaign.outcomes("replicate") == [(n, "ok") for n in range(4)]


def test_a_campaign_that_is_taken_up_repeats_what_is_missing(tmp_path: Path) -> None:
    campaign = Bench(tmp_path, ARMS, trials=None)
    driver = campaign.drive()

    def stopped(trial: Trial) -> Iterator[Epoch | Outcome]:
        if len(campaign.trials) == 5:
            driver.stop(HALT)
        yield from ok(trial)

    campaign.run(stopped, driver)
    assert len(campaign.trials) == 5
    campaign.run()
    assert len(set(made(campaign.trials))) == len(campaign.trials) == 9
    campaign.run()
    assert len(campaign.trials) == 9


def test_trials_limit_draws_and_not_replicates(tmp_path: Path) -> None:
    campaign = Bench(tmp_path, ARMS, trials=2)
    campaign.run()
    assert len(campaign.outcomes()) == 2
    assert len(campaign.outcomes("replicate")) == 4


def test_what_a_changed_template_made_is_not_repeated_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = Bench(tmp_path, ARMS, trials=2)

    def edited(trial: Trial) -> Iterator[Epoch | Outcome]:
        monkeypatch.setattr("nas.campaign.queue.current_hash", lambda _: "b" * 16)
        yield from ok(trial)

    campaign.run(edited)
    assert campaign.outcomes("replicate") == []
    assert [line for line in campaign.messages if "not repeated" in line] == [
        "candidates of the template heads are not repeated with other seeds: it has changed since"
        " they were drawn"
    ]


def test_families_are_repeated_too(bench: Callable[..., Bench], tmp_path: Path) -> None:
    plain = bench(trials=3)
    twice = Bench(tmp_path / "twice", plain.space.with_(replicates=2), trials=3)
    plain.run()
    twice.run()
    first = [trial.candidate for trial in plain.trials]
    assert [trial.candidate for trial in twice.trials] == [
        *first,
        *(candidate.with_replicate(1) for candidate in first),
    ]


def test_settings_of_an_arm_and_choices_reach_the_template() -> None:
    space = ARMS.with_(choices=(Choice(name="width", values=(8,)),))
    point = Assignment((ExpertChoice("soft", "soft(experts=4)"),), (("width", 8),))
    candidate = Candidate.of(space, point, Task(), "")
    assert candidate.settings == {"head": "soft", "experts": 4, "width": 8}
    assert candidate.assignment == point
    assert "width=8" in render(candidate)
    again = Candidate.model_validate_json(candidate.model_dump_json())
    assert (again, again.key) == (candidate, candidate.key)
