"""Runs that learned nothing are a kind of their own: counted, and in no mean and no effect."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger_maker import INPUTS, Maker, epoch
from scipy.stats import binomtest

import nas
from nas.report.page import page_data, to_json
from nas.results import CampaignData, recommended
from nas.results.power import measured
from nas.schema import ExpertAxis, Member, Outcome, Role, Space, Status

WORTH = {"ant": 0.04, "bee": 0.0, "cat": -0.04, "dog": 0.0, "elk": 0.0, "fox": 0.02}
FAMILIES = {family: (Member(model=f"{family}_s"),) for family in WORTH}
SPACE = Space(name="six", experts=ExpertAxis(k=2, families=FAMILIES))
SKEWED = INPUTS.with_(class_names=("a", "b", "c"), val_counts=(40, 30, 30))
"""Of 100 validation images: P(X ≥ 52) = .0096 with 40 % the commonest, so 51 is no learning."""
CHANCE = 0.51


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Each pair of six families four times. Of the runs with fox and bee, or fox and cat, all
    collapsed, 8 of fox's 20; another of dog's 20."""
    maker = Maker(tmp_path_factory.mktemp("collapse") / "runs.db", space=SPACE, sampler="uniform")
    maker.inputs = SKEWED
    rng = np.random.default_rng(0)
    for again in range(4):
        for pair in combinations(WORTH, 2):
            value = 0.8 + sum(WORTH[family] for family in pair) + 0.002 * rng.standard_normal()
            gone = pair in (("bee", "fox"), ("cat", "fox")) or (
                again == 0 and pair == ("dog", "elk")
            )
            val = CHANCE if gone else round(float(value), 4)
            models = [f"{family}_s" for family in pair]
            maker.trained(
                *models, val=val, test=val, uniform=val, inside=(val, val), replicate=again
            )
    for family in WORTH:
        maker.control(f"{family}_s", CHANCE if family == "elk" else 0.75)
    maker.trained("ant_s", "fox_s", val=0.85, replicate=7, role=Role.CONFIRM)
    maker.trained("ant_s", "fox_s", val=CHANCE, replicate=8, role=Role.CONFIRM)
    maker.store.heartbeat(3600.0)
    return maker


def test_each_family_has_its_rate(filled: Maker) -> None:
    table = nas.table("family_yield", filled.ledger).set_index("family")
    counts = {"ant": 0, "bee": 4, "cat": 4, "dog": 1, "elk": 1, "fox": 8}
    assert table["collapsed"].to_dict() == counts
    for family, count in counts.items():
        row, interval = table.loc[family], binomtest(count, 20).proportion_ci(method="wilson")
        assert row["collapse_rate"] == count / 20
        assert row["collapse_low"] == pytest.approx(interval.low, abs=1e-9)
        assert row["collapse_high"] == pytest.approx(interval.high, abs=1e-9)
    assert (table["ok"] == 20).all()  # they were trained to their end all the same
    assert (table["success_rate"] == 1).all()


def test_too_few_images_give_no_rate(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", space=SPACE)
    maker.inputs = SKEWED.with_(val_images=10, val_counts=(4, 3, 3))
    maker.trained("ant_s", "bee_s", val=0.4)
    table = nas.table("family_yield", maker.ledger)
    assert "10 validation images are too few" in table.attrs["note"]
    assert table[["collapse_rate", "collapse_low", "collapse_high"]].isna().all(axis=None)


def test_effects_and_means_are_of_runs_that_learned(filled: Maker) -> None:
    table = nas.table("family_yield", filled.ledger).set_index("family")
    reported = [family for family in WORTH if family != "fox"]
    mean = np.mean([WORTH[family] for family in reported])
    for family in reported:
        assert table.loc[family, "effect"] == pytest.approx(WORTH[family] - mean, abs=0.003)
    # Beside dog's other partners .8 + (.04 + 0 − .04 + .02 + 0)/5, one elk of four left out.
    dog = [0.84] * 4 + [0.8] * 4 + [0.76] * 4 + [0.82] * 4 + [0.8] * 3
    assert table.loc["dog", "mean_val_acc"] == pytest.approx(np.mean(dog), abs=0.002)
    assert table.loc["dog", "lift_over_own"] == pytest.approx(np.mean(dog) - 0.75, abs=0.002)
    assert pd.isna(table.loc["elk", "alone_val_acc"])  # its control learned nothing
    assert table.loc["ant", "mean_expert_val_acc"] > 0.8


def test_a_family_that_collapses_too_often_gets_no_effect(filled: Maker) -> None:
    fox = nas.table("family_yield", filled.ledger).set_index("family").loc["fox"]
    assert np.isnan([fox["effect"], fox["effect_low"], fox["effect_high"]]).all()
    assert (
        fox["not_estimable"]
        == "8 of 20 runs with it collapsed: those that learned do not represent it"
    )
    assert (fox["advice"], fox["reason"]) == ("cannot tell", fox["not_estimable"])
    pairs = nas.table("cooccurrence", filled.ledger).set_index(["family_a", "family_b"])
    assert pairs.loc[("bee", "fox"), ["collapsed", "together"]].tolist() == [4, 0]
    assert pd.isna(pairs.loc[("bee", "fox"), "mean_val_acc"])
    assert pairs["synergy"].xs("fox", level="family_b").isna().all()


def test_a_family_that_surely_collapses_is_dropped(tmp_path: Path) -> None:
    """All 25 runs with fox, of 75; no interval of an effect is needed for that."""
    maker = Maker(tmp_path / "runs.db", space=SPACE)
    maker.inputs = SKEWED
    for again in range(5):
        for pair in combinations(WORTH, 2):
            models = [f"{family}_s" for family in pair]
            maker.trained(*models, val=CHANCE if "fox" in pair else 0.9, replicate=again)
    table = nas.table("family_yield", maker.ledger).set_index("family")
    assert table.loc["fox", "advice"] == "drop"
    assert "fox collapses more often than" in table.loc["fox", "reason"]
    assert not (table["advice"].drop("fox") == "drop").any()
    assert recommended(maker.ledger).drop == ("fox",)


@pytest.mark.parametrize(("pairs", "messages"), [(0, "none of 60"), (5, "only 20 of 60")])
def test_where_too_few_learned_nothing_is_reported_of_families(
    tmp_path: Path, pairs: int, messages: str
) -> None:
    maker = Maker(tmp_path / "runs.db", space=SPACE)
    maker.inputs = SKEWED
    for again in range(4):
        for at, pair in enumerate(combinations(WORTH, 2)):
            models = [f"{family}_s" for family in pair]
            maker.trained(*models, val=0.9 if at < pairs else 0.4, replicate=again)
    table = nas.table("family_yield", maker.ledger)
    assert (table["advice"] == "cannot tell").all()
    assert table["effect"].isna().all()
    for name in ("family_yield", "cooccurrence"):
        note = nas.table(name, maker.ledger).attrs["note"]
        assert f"no figures for families: {messages} runs learned" in note
        assert "most frequent class, 40.0 % of the validation images" in note
    assert nas.table("cooccurrence", maker.ledger)["synergy"].isna().all()


def test_the_note_says_so(filled: Maker) -> None:
    for name in ("family_yield", "cooccurrence"):
        note = nas.table(name, filled.ledger).attrs["note"]
        assert note.startswith("means, effects and synergies of runs that learned, on final")
        assert "9 of 60 collapsed" in note
        assert "40.0 % of the validation images" in note
        assert "not recorded" not in note
    assert "9 of 60 collapsed" in nas.table("lift", filled.ledger).attrs["note"]


def test_the_leaderboard_marks_them(filled: Maker) -> None:
    board = nas.table("leaderboard", filled.ledger)
    assert len(board) == 60
    assert board["collapsed"].tolist() == [False] * 51 + [True] * 9
    again = board[board["confirm_collapsed"] > 0]  # all replicates of one candidate
    figures = again[["families", "confirm_val_acc", "confirm_n", "confirm_collapsed"]]
    assert figures.drop_duplicates().values.tolist() == [["ant+fox", 0.85, 1, 1]]


def test_lifts_leave_them_out(filled: Maker) -> None:
    lift = nas.table("lift", filled.ledger).set_index("family")
    assert lift.loc["all", "n_uniform"] == 51
    assert lift.loc["all", "n_alone"] == 51  # a control that learned nothing is no rival
    assert lift.loc["fox", "n_uniform"] == 12


def test_a_plan_counts_on_them(filled: Maker) -> None:
    before = measured(filled.ledger, None)
    assert before
    assert (before.success_rate, before.learned_rate) == (1.0, 51 / 60)
    assert before.noise == pytest.approx(0.002, rel=0.3)


def test_the_page_says_what_effects_are_of(filled: Maker) -> None:
    sections = json.loads(to_json(page_data(filled.ledger)))["sections"]
    titles = {c["name"]: c["title"] for c in sections["families"]["table"]["columns"]}
    assert titles["effect"] == "Effect of runs that learned"
    assert sections["families"]["collapsed"] is True
    pairs = {c["name"]: c["title"] for c in sections["pairs"]["table"]["columns"]}
    assert pairs["synergy"] == "Synergy of runs that learned"
    assert sections["leaders"]["table"]["values"]["collapsed"].count(True) == 9


@pytest.mark.parametrize(
    ("inputs", "lost", "messages"),
    [
        (SKEWED.with_(val_counts=()), 0, "the most frequent class is taken as one of 3"),
        (None, 0, "whether runs collapsed is unknown"),
        (INPUTS.with_(val_counts=(52, *[5] * 8, 8)), 2, "52.0 % of the validation images"),
        (
            INPUTS.with_(val_images=18, val_counts=(6, 6, 6)),
            0,
            "18 validation images are too few to tell which runs learned anything",
        ),
    ],
)
def test_an_older_ledger_does_what_it_can(
    tmp_path: Path, inputs: nas.schema.DatasetInfo | None, lost: int, messages: str
) -> None:
    """.51 of 100 is no learning where the most frequent class has .52, and learning at a third."""
    maker = Maker(tmp_path / "runs.db", space=SPACE)
    maker.inputs = inputs
    for again, val in enumerate((0.51, 0.52, 0.9, 0.9)):
        maker.trained("ant_s", "bee_s", val=val, replicate=again)
    data = CampaignData(maker.ledger, "first")
    assert data.attempts["collapsed"].sum() == lost
    assert messages in data.observed.note


def test_with_early_stopping_they_are_reported_at_the_first_rung(tmp_path: Path) -> None:
    """A run that learned nothing by then is left out, though it was a good one in the end."""
    maker = Maker(tmp_path / "runs.db", space=SPACE)
    for again, (first, last) in enumerate(
        ((0.5, 0.9), (0.6, 0.1), (0.1, 0.8), (0.1, None), (0.4, None))
    ):
        leased = maker.draw("ant_s", "bee_s" if again % 2 else "cat_s", replicate=again)
        attempt = maker.start(leased)
        maker.store.epoch(attempt, epoch(1, val_acc=first))
        status = Status.PRUNED if last is None else Status.OK
        ended = Outcome(status=status, epochs=1, val_acc=last or first, inputs=maker.inputs)
        assert maker.store.finish(leased, attempt, ended, final=True)
    data = CampaignData(maker.ledger, "first")
    assert data.observed.observations.value.tolist() == [0.5, 0.6, 0.4]
    table = nas.table("family_yield", maker.ledger).set_index("family")
    assert table["collapsed"][["ant", "bee", "cat"]].tolist() == [2, 1, 1]
    assert table.loc["ant", "mean_val_acc"] == pytest.approx((0.9 + 0.8) / 2)  # not of .1
    assert nas.table("leaderboard", maker.ledger)["collapsed"].tolist() == [False, False, True]
