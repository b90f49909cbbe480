"""The audit of a running campaign, and the phases its owner begins."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from campaign_bench import Bench, ending, ok, small_space
from sqlalchemy import delete

from nas.campaign.constraints import check_constraints
from nas.ledger import NewCandidate
from nas.ledger import models as m
from nas.ledger.summary import summary
from nas.results import audit_result
from nas.sample import make_sampler
from nas.schema import (
    Candidate,
    DrawConstraints,
    Epoch,
    Outcome,
    ProblemError,
    SearchConfig,
    Status,
    Trial,
)
from nas.schema.stop import StopReason

Make = Callable[..., Bench]
WIDE = small_space(families=12, k=3)


def test_a_biased_draw_is_reported_once_and_stands_in_the_ledger(bench: Make) -> None:
    campaign = bench(trials=14, space=WIDE, sampler="lexicographic")
    campaign.run()
    reported = [line for line in campaign.messages if "BIASED" in line]
    assert len(reported) == 1
    assert len(campaign.outcomes()) == 14  # it is the owner who decides
    messages = summary(campaign.ledger, "c").biased
    assert messages is not None
    found = audit_result(campaign.ledger, "c")
    assert found.verdict == "biased"
    assert messages == f"detected at draw {found.flagged_at}: {found.why}"
    campaign.config = campaign.config.with_(trials=15)
    campaign.run()
    assert len([line for line in campaign.messages if "BIASED" in line]) == 1


def test_strict_coverage_stops_at_once_and_again_on_resume(bench: Make) -> None:
    campaign = bench(trials=50, space=WIDE, sampler="lexicographic", strict_coverage=True)
    driver = campaign.run()
    drawn = len(campaign.outcomes())
    assert drawn == audit_result(campaign.ledger, "c").flagged_at
    assert driver.stopping.stop is not None
    assert driver.stopping.stop.reason is StopReason.BIASED
    assert not driver.finished
    again = campaign.drive()
    again.update_exclusions()
    campaign.run(driver=again)
    assert len(campaign.outcomes()) == drawn


@pytest.mark.parametrize("sampler", ["stratified", "uniform"])
def test_fair_samplers_are_fair_in_a_campaign(bench: Make, sampler: str) -> None:
    campaign = bench(trials=40, space=WIDE, sampler=sampler, strict_coverage=True)
    campaign.run()
    assert len(campaign.outcomes()) == 40
    assert audit_result(campaign.ledger, "c").verdict == "fair"


def test_a_family_that_fails_is_warned_of_and_stops_nothing(bench: Make) -> None:
    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        bad = "f3" in trial.candidate.families
        return (ending(Status.CRASH, stage="train") if bad else ok)(trial)

    campaign = bench(trials=60, space=WIDE, bench_after=1000, strict_coverage=True)
    campaign.run(script)
    assert len(campaign.outcomes()) == 60
    warned = [line for line in campaign.messages if "fails more often than the rest" in line]
    assert [line.split()[0] for line in warned] == ["f3"]
    assert [why.split()[0] for why in summary(campaign.ledger, "c").failing] == ["f3"]
    assert [why.split()[0] for why in audit_result(campaign.ledger, "c").failing] == ["f3"]


def test_benching_makes_the_rest_adaptive(bench: Make) -> None:
    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        bad = "f3" in trial.candidate.families
        return (ending(Status.CRASH, stage="train") if bad else ok)(trial)

    campaign = bench(trials=40, space=WIDE, bench_after=2)
    campaign.run(script)
    found = audit_result(campaign.ledger, "c")
    assert found.verdict == "adaptive"
    assert found.why.startswith("f3 is benched, from draw ")


def test_a_learning_sampler_is_adaptive(bench: Make) -> None:
    campaign = bench(trials=3, sampler="tpe")
    campaign.run()
    assert audit_result(campaign.ledger, "c").why == "tpe favours what did well, from draw 1 on"


def test_another_plan_is_another_phase_and_is_kept(bench: Make) -> None:
    campaign = bench(trials=24, space=WIDE)
    campaign.run()
    campaign.config = campaign.config.with_(trials=84, drop=("f0",), prefer=("f1", "f2"))
    campaign.run()
    campaign.run()  # a resume with the same plan begins none
    frame = campaign.ledger.candidates("c")
    assert frame["phase"].tolist() == [0] * 24 + [1] * 60
    later = Counter("+".join(frame["families"][24:]).split("+"))
    assert "f0" not in later
    others = [later[f"f{n}"] for n in range(3, 12)]
    # 60 draws of 3 among weights 2, 2 and nine times 1: 13.8 for one of the nine, 27.7 for a 2.
    assert max(others) - min(others) <= 1
    assert 27 <= min(later["f1"], later["f2"]) <= max(later["f1"], later["f2"]) <= 28
    phases = campaign.ledger.events("c").query("kind == 'phase'")["data"].tolist()
    assert [(event["number"], event["drawn"]) for event in phases] == [(0, 0), (1, 24)]
    messages = audit_result(campaign.ledger, "c")
    assert messages.verdict == "adaptive"
    assert messages.why == "phase 1 drops f0 and prefers f1, f2, from draw 25 on"


def test_another_driver_s_phase_is_no_bias(bench: Make) -> None:
    campaign = bench(trials=36, space=WIDE, strict_coverage=True)
    first = campaign.drive()
    campaign.config = campaign.config.with_(drop=tuple(f"f{n}" for n in range(6)), trials=72)
    campaign.run()  # a second driver's, whose constraints the first one has not seen
    first.update_exclusions()
    assert first.stopping.stop is None
    assert not any("BIASED" in line for line in campaign.messages)
    assert audit_result(campaign.ledger, "c").verdict == "adaptive"


def test_what_fails_its_pre_flight_is_not_missed(bench: Make) -> None:
    """A family that was excluded from the start is not a bias; without the phase it would be."""
    campaign = bench(trials=120, space=WIDE)
    store = campaign.drive().store
    without = campaign.space.without(["m0"])
    with campaign.ledger.session() as session:
        session.execute(delete(m.Event))
    store.begin_phase(DrawConstraints(left_out=("m0",)))
    draws = make_sampler("stratified", without, 0)
    for _ in range(120):
        store.draw(
            lambda records: NewCandidate(
                Candidate.of(without, draws.propose(records), campaign.config.task, "t" * 16),
                "pass",
            )
        )
    assert audit_result(campaign.ledger, "c").verdict == "fair"
    with campaign.ledger.session() as session:
        session.execute(delete(m.Event))
    assert audit_result(campaign.ledger, "c").verdict == "biased"


def test_what_is_dropped_from_the_start_leaves_a_fair_draw_of_the_rest(bench: Make) -> None:
    campaign = bench(trials=40, space=WIDE, drop=("f0", "f1"))
    campaign.run()
    assert audit_result(campaign.ledger, "c").verdict == "fair"


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        ({"drop": ("f99",)}, "no family 'f99'"),
        ({"prefer": ("f1",), "drop": ("f1",)}, "both dropped and preferred"),
        ({"drop": tuple(f"f{n}" for n in range(10))}, "2 families would be left for 3 experts"),
        ({"prefer": ("f1",), "sampler": "uniform"}, "cannot prefer families"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(
    config: dict[str, object], messages: str
) -> None:
    with pytest.raises(ProblemError, match=messages):
        check_constraints(WIDE, SearchConfig(**config))  # type: ignore[arg-type]
