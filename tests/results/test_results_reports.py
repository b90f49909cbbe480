"""The five reports on a ledger small enough to work every number out by hand."""

import re
from math import sqrt
from pathlib import Path

import pandas as pd
import pytest
from documented_columns import documented_columns
from ledger_maker import SPACE, Maker, epoch
from scipy.stats import binomtest
from tracked import tracked

import nas
from nas.results import tables
from nas.results.aggregates import wilson
from nas.schema import Choice, Outcome, Role, SearchConfig, Space, Status


def rows(maker: Maker, name: str, *index: str) -> pd.DataFrame:
    return nas.table(name, maker.ledger).set_index(list(index))


def test_leaderboard(filled: Maker) -> None:
    table = nas.table("leaderboard", filled.ledger)
    assert table["rank"].tolist() == [1, 2]
    assert table["families"].tolist() == ["ant+bee", "ant+cat"]
    assert table["gate_mixing"].tolist() == ["soft", "soft"]
    best, second = table.iloc[0], table.iloc[1]
    assert (best["val_acc"], best["test_acc"]) == (0.9, 0.88)
    # √(92 · 12 / 104³)
    assert best["val_se"] == pytest.approx((92 * 12 / 104**3) ** 0.5)
    # Alone, bee_s is better than ant_s on validation (.85 > .80); its test accuracy is .83.
    assert best["alone_model"] == "bee_s"
    assert best["lift_over_alone"] == pytest.approx(0.88 - 0.83)
    assert best["lift_over_uniform"] == pytest.approx(0.88 - 0.87)
    # exp(−.3 ln .3 − .7 ln .7)
    assert best["experts_used"] == pytest.approx(0.3**-0.3 * 0.7**-0.7)
    # Retrained: .86 and .88; sd = √(2 · .01² / 1). The .90 it was chosen for is not among them.
    assert best["confirm_val_acc"] == pytest.approx(0.87)
    assert best["confirm_sd"] == pytest.approx(sqrt(2) * 0.01)
    assert best["confirm_n"] == 2
    assert best["confirm_test_acc"] == pytest.approx(0.85)
    assert (best["uniform_test_acc"], best["oracle_val_acc"]) == (0.87, 0.95)
    # cat_s has no control yet, so who is best alone in the second one is not known.
    assert pd.isna(second["lift_over_alone"])
    assert pd.isna(second["alone_model"])
    assert second["confirm_n"] == 0


def test_leaderboard_adds_a_candidate_s_attempts_up(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    maker.finish(leased, Outcome(status=Status.OOM, seconds=4.0), final=False)
    maker.finish(leased, Outcome(status=Status.OK, val_acc=0.5, seconds=6.0))
    assert nas.table("leaderboard", maker.ledger)["seconds"].tolist() == [10.0]


def test_leaderboard_counts_a_failed_control_as_no_rival(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9)
    maker.control("ant_s", 0.8)
    control = maker.draw("bee_s", role=Role.CONTROL)
    maker.finish(control, Outcome(status=Status.NAN))
    [best] = nas.table("leaderboard", maker.ledger).itertuples()
    assert (best.alone_model, best.alone_val_acc) == ("ant_s", 0.8)


def test_leaderboard_ties_go_to_the_earlier(maker: Maker) -> None:
    maker.trained("ant_s", "cat_s", val=0.5)
    maker.trained("ant_s", "bee_s", val=0.5)
    assert nas.table("leaderboard", maker.ledger)["number"].tolist() == [0, 1]


def test_the_latest_campaign_is_meant(filled: Maker) -> None:
    filled.ledger.create_campaign("second", filled.space, SearchConfig())
    assert nas.table("leaderboard", filled.ledger).empty
    assert len(nas.table("leaderboard", filled.ledger, "first")) == 2


def test_family_yield(filled: Maker) -> None:
    table = rows(filled, "family_yield", "family")
    assert table.index.tolist() == ["bee", "ant", "cat", "dog"]
    assert table["draws"].to_dict() == {"bee": 2, "ant": 2, "cat": 2, "dog": 2}
    assert table["ok"].to_dict() == {"bee": 1, "ant": 2, "cat": 1, "dog": 0}
    assert table["failed"].to_dict() == {"bee": 1, "ant": 0, "cat": 0, "dog": 1}
    assert table["success_rate"].to_dict() == {"bee": 0.5, "ant": 1.0, "cat": 1.0, "dog": 0.0}
    assert table["open"].to_dict() == {"bee": 0, "ant": 0, "cat": 1, "dog": 1}
    bee, ant, dog = table.loc["bee"], table.loc["ant"], table.loc["dog"]
    # Wilson, z = 1.96, 1 of 2: centre (.5 + z²/4)/(1 + z²/2) = .5; half width
    # z/(1 + z²/2)·√(.25/2 + z²/16) = 1.96/2.9207·√(.125 + .2401) = .4055.
    assert bee["success_low"] == pytest.approx(0.5 - 0.4055, abs=1e-4)
    assert bee["success_high"] == pytest.approx(0.5 + 0.4055, abs=1e-4)
    assert ant["mean_val_acc"] == ant["median_val_acc"] == pytest.approx(0.8)
    assert ant["best_val_acc"] == 0.9
    assert pd.isna(bee["effect"])
    assert bee["not_estimable"] == "only 1 of its candidates has a result that can be compared"
    assert dog["not_estimable"] == "no candidate with it has a result"
    assert bee["advice"] == "needs more draws"
    assert ant["mean_expert_val_acc"] == pytest.approx((0.8 + 0.6) / 2)
    assert ant["usage"] == pytest.approx((0.3 + 0.9) / 2)
    assert ant["alone_val_acc"] == 0.8
    # test .88 and .68 against .79 alone
    assert ant["lift_over_own"] == pytest.approx((0.88 + 0.68) / 2 - 0.79)
    assert pd.isna(table.loc["cat", "lift_over_own"])  # no control
    # 10 s for #0 and 5 s for the failed #2, one success
    assert bee["device_hours"] == bee["device_hours_per_success"] == pytest.approx(15 / 3600)
    assert dog["device_hours"] == pytest.approx(5 / 3600)
    assert pd.isna(dog["device_hours_per_success"])
    assert pd.isna(dog["mean_val_acc"])
    assert table["benched"].to_dict() == {"bee": False, "ant": False, "cat": False, "dog": True}
    assert table["members"].to_dict() == {"bee": 2, "ant": 1, "cat": 1, "dog": 1}


def test_wilson_is_scipy_s() -> None:
    pairs = [(k, n) for n in (1, 2, 7, 500) for k in {0, 1, n // 2, n}]
    low, high = wilson(pd.Series([k for k, _ in pairs]), pd.Series([n for _, n in pairs]))
    for at, (k, n) in enumerate(pairs):
        interval = binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert (low[at], high[at]) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_family_yield_leaves_pruned_ones_out_of_the_rate(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9)
    maker.failed("ant_s", "cat_s", status=Status.PRUNED)
    ant = rows(maker, "family_yield", "family").loc["ant"]
    assert (ant["draws"], ant["ok"], ant["pruned"], ant["failed"]) == (2, 1, 1, 0)
    assert ant["success_rate"] == 1.0  # stopped early is not failed


def test_cooccurrence(filled: Maker) -> None:
    filled.trained("bee_s", "cat_s", val=0.5)
    table = rows(filled, "cooccurrence", "family_a", "family_b")
    assert len(table) == 6  # every pair of four, drawn or not
    pair = table.loc[("ant", "bee")]
    assert (pair["draws"], pair["ok"], pair["failed"]) == (1, 1, 0)
    assert pair["mean_val_acc"] == pytest.approx(0.9)
    assert pd.isna(pair["synergy"])  # one candidate tells nothing
    failed = table.loc[("bee", "dog")]
    assert (failed["draws"], failed["ok"], failed["success_rate"]) == (1, 0, 0.0)
    assert table.loc[("ant", "dog"), "draws"] == 0
    assert pd.isna(table.loc[("ant", "dog"), "success_rate"])


def test_coverage(filled: Maker) -> None:
    table = rows(filled, "coverage", "level")
    assert table.index.tolist() == ["family", "pair", "member", "subset", "gate_mixing"]
    family = table.loc["family"]
    assert (family["values"], family["drawn"], family["mean"]) == (4, 4, 2.0)
    assert (family["min"], family["max"], family["spread"]) == (2, 2, 0)
    pair = table.loc["pair"]  # four of the six pairs, once each
    assert (pair["values"], pair["drawn"], pair["min"], pair["max"]) == (6, 4, 0, 1)
    assert pair["mean"] == pytest.approx(4 / 6)
    assert pair["least"] == "ant+dog, bee+cat, ant+bee"
    member = table.loc["member"]  # ant_s, cat_s and dog_s twice, bee_s and bee_m once
    assert (member["values"], member["min"], member["max"], member["spread"]) == (5, 1, 2, 0)
    assert table.loc["subset", "covered"] == pytest.approx(4 / 6)
    gate = table.loc["gate_mixing"]  # three soft, one top1
    assert (gate["min"], gate["max"], gate["spread"], gate["least"]) == (1, 3, 2, "top1, soft")


def test_failures(filled: Maker) -> None:
    filled.failed("ant_s", "dog_s", status=Status.CRASH, stage="build", message="bad", seconds=9)
    table = nas.table("failures", filled.ledger)
    assert table["outcome"].tolist() == ["crash", "crash", "oom", "oom", "benched"]
    table = table.set_index(["outcome", "family"])
    crash = table.loc[("crash", "ant")]
    assert (crash["stage"], crash["message"], crash["seconds"]) == ("build", "bad", 9.0)
    # ant ended six times: #0, #1, the crash, its control and two confirmations
    assert crash["share"] == pytest.approx(1 / 6)
    assert table.loc[("oom", "dog"), "share"] == pytest.approx(1 / 2)
    assert table.loc[("benched", "dog"), "message"] == "after 6 failed candidates in a row"


def test_failures_count_attempts_that_were_tried_again(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    maker.finish(leased, Outcome(status=Status.OOM, seconds=4.0), final=False)
    maker.finish(leased, Outcome(status=Status.OOM, seconds=6.0, message="still"))
    row = nas.table("failures", maker.ledger).iloc[0]
    assert (row["attempts"], row["candidates"], row["seconds"]) == (2, 1, 10.0)
    assert row["message"] == "still"


def test_failing_families(filled: Maker) -> None:
    filled.failed("ant_s", "dog_s", status=Status.CRASH, stage="build", message="bad", seconds=9)
    table = nas.table("failing", filled.ledger).set_index("family")
    ant = table.loc["ant"]  # ended six times: see test_failures
    assert (ant["failed"], ant["ended"], ant["seconds"]) == (1, 6, 9.0)
    # Wilson's interval at 1 of 6: (1 + 1.92 ± 1.96·√(5/6 + 0.96)) / (6 + 3.84)
    assert (ant["low"], ant["high"]) == (
        pytest.approx((2.9207 - 2.6252) / 9.8415, abs=1e-3),
        pytest.approx((2.9207 + 2.6252) / 9.8415, abs=1e-3),
    )
    assert table["share"].is_monotonic_decreasing
    assert (table["failed"] > 0).all()


OF_CAMPAIGNS = sorted(
    name for name, path in tables().items() if tracked([path]) and not name.startswith("screen")
)
"""The others are of a screen: see test_analyse_screens."""


OF_ARMS = (
    *("arm_effects", "arms", "heads", "pce", "pce_latency", "pce_routing"),
    *("growth", "growth_events", "hot_plug", "routing", "routing_matrix"),
    *("curvature", "prune_regrow"),
)


@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_an_empty_campaign_gives_the_same_columns(maker: Maker, name: str) -> None:
    empty = nas.table(name, maker.ledger)
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.failed("ant_s", "cat_s")
    full = nas.table(name, maker.ledger)
    assert list(empty.columns) == list(full.columns)
    assert full.empty == (name in (*OF_ARMS, "diagnose")), "no arms, and nothing was diagnosed"
    counted = {"family_yield": 4, "cooccurrence": 6, "coverage": 5, "lift": 1}
    assert len(empty) == counted.get(name, 0)  # what the space has is listed, drawn or not


@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_every_column_is_documented(filled: Maker, name: str) -> None:
    answer = nas.table(name, filled.ledger)
    columns = answer.columns
    assert answer.attrs.get("through", "") in ("", *columns)
    named = {re.sub(r"^gate_.*", "gate_<name>", column) for column in columns}
    assert sorted(documented_columns(tables()[name])) == sorted(named)


@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_a_space_without_experts(maker: Maker, name: str) -> None:
    space = Space(name="plain", choices=(Choice(name="depth", values=(1, 2)),))
    maker.ledger.create_campaign("plain", space, SearchConfig())
    assert isinstance(nas.table(name, maker.ledger), pd.DataFrame)


def test_early_stopping_is_compared_at_its_first_rung(maker: Maker) -> None:
    """Survivors alone would say that ant and bee are alike; at the first rung all can be seen."""
    from nas.results import CampaignData

    maker.trained("ant_s", "bee_s", val=0.9)
    leased = maker.draw("ant_s", "cat_s")
    attempt = maker.start(leased)
    maker.store.epoch(attempt, epoch(1, val_acc=0.3))
    stopped = Outcome(status=Status.PRUNED, stage="train", epochs=1, val_acc=0.3, rung=0)
    assert maker.store.finish(leased, attempt, stopped, final=True)
    data = CampaignData(maker.ledger, "first")
    seen = data.observed
    assert seen.observations.value.tolist() == [0.45, 0.3]  # the first one's first epoch, too
    assert "at epoch 1, the first rung" in seen.note
    lift = nas.table("lift", maker.ledger)
    assert lift[["lift_over_uniform_low", "lift_over_alone_low"]].isna().all().all()
    assert "survivors" in lift.attrs["note"]


def test_the_note_says_what_intervals_do_not_know(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9)
    maker.failed("ant_s", "cat_s", status=Status.INVALID)
    maker.store.event("benched", family="dog", after=6, drawn=2)
    note = nas.table("family_yield", maker.ledger).attrs["note"]
    assert "that fit the device: 1 did not" in note
    assert "families were benched for failing" in note


def test_coverage_knows_settings_that_are_numbers(tmp_path: Path) -> None:
    space = SPACE.with_(choices=(Choice(name="mixing", values=(1, 0.5, 2.0)),))
    maker = Maker(tmp_path / "numbers.db", space=space)
    for at, value in enumerate((1, 0.5, 2.0, 1, 0.5, 2.0)):
        maker.draw("ant_s", "bee_s", mixing=value, replicate=at)
    row = rows(maker, "coverage", "level").loc["gate_mixing"]
    assert (row["drawn"], row["min"], row["max"], row["spread"]) == (3, 2, 2, 0)
