"""Combinations that a template refuses: recorded as invalid with the reason, never trained."""

from pathlib import Path

import pytest
from campaign_bench import Bench, PlainProposer

from nas.campaign.dry_run import DryRun, as_json
from nas.render import render
from nas.schema import Choice, SearchConfig, Space, Trial

SPACE = Space(
    name="some",
    template="heads",
    choices=(
        Choice(name="head", values=("sparse",)),
        Choice(name="experts", values=(2, 4)),
        Choice(name="top_k", values=(2, 4)),
    ),
)
WHY = "top_k 4 is larger than the number of experts, 2"


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(PlainProposer, "render", lambda self, candidate: render(candidate))
    return Bench(tmp_path, SPACE, trials=None, bench_after=1)


def settings(trials: list[Trial]) -> set[tuple[object, object]]:
    return {(t.candidate.choices["experts"], t.candidate.choices["top_k"]) for t in trials}


def test_it_is_invalid_and_the_campaign_goes_on(campaign: Bench) -> None:
    campaign.run()
    assert settings(campaign.trials) == {(2, 2), (4, 2), (4, 4)}
    outcomes = [outcome for _, outcome in campaign.outcomes()]
    assert sorted(map(str, outcomes)) == ["invalid", "ok", "ok", "ok"]
    attempts = campaign.ledger.attempts()
    [refused] = attempts[attempts["outcome"] == "invalid"].itertuples()
    assert (refused.stage, refused.message) == ("render", WHY)
    assert not campaign.ledger.check()
    campaign.run()
    assert len(campaign.trials) == 3  # it is not drawn again


def test_one_that_a_killed_driver_left_is_recorded_by_the_next(campaign: Bench) -> None:
    driver = campaign.drive()
    while True:
        leased = driver._queue.next()
        assert leased is not None
        if not leased.code:
            break
    driver.store.release_all()  # as after its death
    campaign.run()
    assert settings(campaign.trials) == {(2, 2), (4, 2), (4, 4)}
    assert [outcome for _, outcome in campaign.outcomes()].count("invalid") == 1


def test_a_dry_run_says_so() -> None:
    config = SearchConfig(dataset="digits", controls=False)
    drawn = list(DryRun(SPACE, config, 9))
    refused = [as_json(each) for each in drawn if each.refusal]
    assert [(each["refused"], each["params"]) for each in refused] == [(WHY, None)]
    assert len(drawn) == 4
