"""Reports of routers that send domains of classes to experts, worked out by hand."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from arm_maker import run, train
from ledger_maker import Maker, epoch
from scipy.stats import t

import nas
from nas.schema import Epoch, Recipe, Space, TrainingEvent, Variant

SPACE = Space(
    name="routing",
    template="routing",
    arms={
        "linear": (Variant(label="linear"),),
        "joint": (Variant(label="joint", recipe={"settings.strategy": "joint"}),),
        "mixture": (Variant(label="mixture", recipe={"procedure": "joint"}),),
    },
    reference="linear",
    recipe=Recipe(procedure="domain_experts", epochs=2),
)
COUNTS: dict[str, Any] = {
    "images": 100,
    "right": 60,  # 30 of each domain
    "right_hits": 45,
    "wrong_hits": 5,
    "domain_hits": 70,
    "any_hits": 80,
    "sent": [[30, 20], [20, 30]],  # by domain, to expert
    "hits": [[40, 10], [5, 30]],  # of expert, by domain
    "of_domain": [50, 50],
    "gradient_cosine": -0.2,
}
FIGURES = {
    "top1_acc": 0.5,  # 45 + 5
    "domain_oracle_acc": 0.7,
    "any_oracle_acc": 0.8,
    "gap_domain": 0.2,
    "gap_any": 0.3,
    "right_rate": 0.6,
    "largest_rate": 0.5,
    "right_acc": 45 / 60,
    "wrong_acc": 5 / 40,
    # .8 − .2 of the first expert, .6 − .1 of the second
    "specialisation": 0.55,
    "gradient_cosine": -0.2,
}


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", space=SPACE, dataset="digits")


def ended(number: int, phase: str, **counts: Any) -> Epoch:
    """An epoch with which a phase ended."""
    data = {**COUNTS, **counts, "phase": phase}
    event = TrainingEvent(kind="phase", step=10 * number, reason=f"{phase} ended", data=data)
    return epoch(number, 0.6).with_(events=(event,))


def test_figures_of_each_phase(maker: Maker) -> None:
    first = {"right": 100, "right_hits": 50, "wrong_hits": 0, "gradient_cosine": None}
    train(maker, "linear", [ended(1, "experts", **first), ended(2, "router")])
    train(maker, "joint", [ended(1, "experts"), ended(2, "joint")])
    run(maker, "mixture", 0.7)
    table = nas.table("routing", maker.ledger)
    assert table[["arm", "phase", "runs"]].values.tolist() == [
        ["linear", "experts", 1],
        ["linear", "router", 1],
        ["joint", "experts", 1],
        ["joint", "joint", 1],
    ]
    experts, router = table.iloc[0], table.iloc[1]
    assert router[list(FIGURES)].to_dict() == pytest.approx(FIGURES)
    assert (experts["right_rate"], experts["right_acc"]) == (1, 0.5)
    assert pd.isna(experts["wrong_acc"]), "nothing went wrong"
    assert pd.isna(experts["gradient_cosine"])


def test_the_accuracy_is_exact_in_each_run(maker: Maker) -> None:
    """With numbers of images that no fraction of two digits has."""
    for seed, (images, right, right_hits, wrong_hits) in enumerate(
        ((97, 31, 17, 23), (101, 101, 40, 0), (89, 0, 0, 13))
    ):
        counts = {
            "images": images,
            "right": right,
            "right_hits": right_hits,
            "wrong_hits": wrong_hits,
        }
        label = ("linear", "joint")[seed % 2]
        train(maker, label, [ended(1, f"phase_{seed}", **counts), epoch(2, 0.6)], seed=seed)
    for row in nas.table("routing", maker.ledger).fillna(0.0).itertuples():
        r = row.right_rate
        assert row.top1_acc == pytest.approx(r * row.right_acc + (1 - r) * row.wrong_acc, abs=1e-12)
    table = nas.table("routing", maker.ledger).set_index("phase")
    assert table.loc["phase_0", "top1_acc"] == pytest.approx(40 / 97)
    assert pd.isna(table.loc["phase_1", "wrong_acc"])
    assert pd.isna(table.loc["phase_2", "right_acc"])


def test_means_and_intervals_over_runs(maker: Maker) -> None:
    for seed, oracle in enumerate((60, 70, 80)):
        train(maker, "linear", [epoch(1, 0.5), ended(2, "router", domain_hits=oracle)], seed=seed)
    for seed in (0, 1):
        train(maker, "joint", [epoch(1, 0.5), ended(2, "joint", right=(60, 100)[seed])], seed=seed)
    linear, joint = (row for _, row in nas.table("routing", maker.ledger).iterrows())
    half = t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert (linear["runs"], linear["gap_domain"]) == (3, pytest.approx(0.2))
    assert linear["gap_domain_low"] == pytest.approx(0.2 - half)
    assert linear["gap_domain_high"] == pytest.approx(0.2 + half)
    assert joint["runs"] == 2
    assert pd.isna([joint["gap_domain_low"], joint["gap_domain_high"]]).all()
    assert joint["right_rate"] == pytest.approx(0.8)
    assert joint["wrong_acc"] == pytest.approx(5 / 40), "of the run in which some went wrong"


def test_the_matrix_of_all_runs_together(maker: Maker) -> None:
    uneven = {"sent": [[10, 0], [45, 45]], "hits": [[10, 9], [5, 90]], "of_domain": [10, 90]}
    train(maker, "linear", [ended(1, "experts", **uneven), ended(2, "router")])
    train(maker, "linear", [ended(1, "experts"), ended(2, "router", **uneven)], seed=1)
    run(maker, "mixture", 0.7)
    table = nas.table("routing_matrix", maker.ledger)
    assert table[["variant", "domain", "expert", "images"]].values.tolist() == [
        ["linear", 0, 0, 60],
        ["linear", 0, 1, 60],
        ["linear", 1, 0, 140],
        ["linear", 1, 1, 140],
    ]
    assert table["sent_share"].tolist() == pytest.approx([40 / 60, 20 / 60, 65 / 140, 75 / 140])
    assert table["expert_acc"].tolist() == pytest.approx([50 / 60, 10 / 60, 19 / 140, 120 / 140])


def test_rows_add_up_to_one_where_a_choice_is_the_number_of_experts(maker: Maker) -> None:
    """Two experts in one run, three in the other; the third domain has no image."""
    more = {
        "sent": [[50, 0, 0], [0, 20, 30], [0, 0, 0]],
        "hits": [[50, 0, 0], [0, 50, 0], [0, 25, 0]],
        "of_domain": [50, 50, 0],
    }
    train(maker, "linear", [epoch(1, 0.5), ended(2, "router")])
    train(maker, "linear", [epoch(1, 0.5), ended(2, "router", **more)], seed=1)
    table = nas.table("routing_matrix", maker.ledger)
    rows = table.groupby("domain")
    assert rows["sent_share"].sum(min_count=1).tolist()[:2] == pytest.approx([1, 1])
    assert rows["images"].unique().map(list).tolist() == [[100], [100], [0]]
    third = table[table["expert"] == 2].set_index("domain")
    assert third.loc[1, "sent_share"] == pytest.approx(30 / 100)
    assert third.loc[1, "expert_acc"] == pytest.approx(25 / 50), "of the images that it saw"
    assert third.loc[2, ["sent_share", "expert_acc"]].isna().all(), "no image"


def test_a_phase_that_was_trained_again_counts_once(maker: Maker) -> None:
    """Its last epoch was lost, and trained again with other figures."""
    first = ended(1, "experts")
    train(
        maker,
        "linear",
        [first, ended(2, "router", right_hits=0)],
        [ended(2, "router", right_hits=30)],
    )
    table = nas.table("routing", maker.ledger)
    assert table[["phase", "runs"]].values.tolist() == [["experts", 1], ["router", 1]]
    assert table["top1_acc"].tolist() == pytest.approx([0.5, 0.35])
    assert len(nas.table("routing_matrix", maker.ledger)) == 4
