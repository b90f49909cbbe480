"""Reports of what happened in training: growths and plugged experts, worked out by hand."""

from math import log
from pathlib import Path

import pandas as pd
import pytest
from arm_maker import run, train
from ledger_maker import SPACE as FAMILIES
from ledger_maker import Maker, epoch
from scipy.stats import t

import nas
from nas.schema import Choice, Epoch, Metric, Recipe, Space, TrainingEvent, Variant

GROWING = Space(
    name="growth",
    template="growth",
    arms={
        "fixed": (Variant(label="fixed", recipe={"procedure": "joint"}),),
        "grown": (Variant(label="grown"),),
        "many": tuple(
            Variant(label=f"many({hidden})", settings={"hidden": hidden}) for hidden in (3, 5)
        ),
    },
    reference="grown",
    recipe=Recipe(procedure="growth", epochs=4),
)
PLUGGED = Space(
    name="plugged",
    template="routing",
    arms={
        "guarded": (Variant(label="guarded"),),
        "loose": (Variant(label="loose", recipe={"settings.guarded": False}),),
        "mixture": (Variant(label="mixture", recipe={"procedure": "joint"}),),
    },
    reference="guarded",
    recipe=Recipe(procedure="hot_plug", epochs=2),
)
REPORTS = ("growth", "growth_events", "hot_plug", "routing", "routing_matrix")


def used(number: int, acc: float, shares: tuple[float, ...], entropy: float = 0.5) -> Epoch:
    """An epoch after which experts have these shares on validation, and marginal entropy is this
    share of its largest. What it was in training is something else."""
    metrics = []
    for split, more in (("val", 0.0), ("train", 7.0)):
        value = entropy * log(len(shares)) + more
        named = {"split": split, "layer": "router"}
        metrics += [
            Metric(name="expert_shares", value=tuple(n + more for n in shares), **named),
            Metric(name="marginal_entropy", value=value, **named),
        ]
    return epoch(number, acc).with_(metrics=tuple(metrics))


def grew(done: Epoch, expert: int = 0, reason: str = "no gain") -> Epoch:
    [shares, *_] = [metric.value for metric in done.metrics]
    assert isinstance(shares, tuple)
    data = {"expert": expert, "experts": len(shares) + 1, "val_acc": done.val_acc}
    event = TrainingEvent(kind="growth", step=10 * done.epoch, reason=reason, data=data)
    return done.with_(events=(event,))


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", space=GROWING, dataset="digits")


@pytest.fixture
def plugging(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "plugged.db", space=PLUGGED, dataset="digits")


def fill(maker: Maker) -> None:
    """Three runs of `grown`: two growths, one, and none."""
    train(
        maker,
        "grown",
        [
            grew(used(1, 0.50, (0.9, 0.1), 0.4)),
            grew(used(2, 0.60, (0.5, 0.49, 0.01), 0.5), expert=1, reason="again"),
            used(3, 0.65, (0.4, 0.57, 0.01, 0.02), 0.7),
            used(4, 0.70, (0.4, 0.575, 0.01, 0.015), 0.8),
        ],
    )
    train(
        maker,
        "grown",
        [
            used(1, 0.40, (0.5, 0.5), 1.0),
            grew(used(2, 0.50, (0.5, 0.5), 1.0)),
            used(3, 0.65, (0.3, 0.3, 0.4), 0.9),
            used(4, 0.60, (0.3, 0.28, 0.42), 0.9),
        ],
        seed=1,
    )
    train(maker, "grown", [used(n, 0.8, (0.98, 0.02), 0.1) for n in (1, 2, 3, 4)], seed=2)


def test_growth(maker: Maker) -> None:
    fill(maker)
    table = nas.table("growth", maker.ledger)
    assert table[["arm", "variant"]].values.tolist() == [
        ["grown", ""],
        ["many", ""],
        ["many", "many(3)"],
        ["many", "many(5)"],
    ], "what cannot grow has no row"
    row = table.iloc[0]
    assert (row["runs"], row["growths"], row["grew_once"]) == (3, 1.0, 1)
    # Epochs 1 and 2; the third run has none.
    assert row["first_growth"] == 1.5
    # 4, 3 and 2 experts. Below 2 %: two of the first (.01 and .015); .02 itself is not idle.
    assert row["experts"] == 3
    assert row["idle"] == pytest.approx(2 / 3)
    assert row["least_share"] == pytest.approx((0.01 + 0.28 + 0.02) / 3)
    # Each over ln of the number of experts in its own epoch.
    assert row["first_entropy"] == pytest.approx((0.4 + 1.0 + 0.1) / 3)
    assert row["last_entropy"] == pytest.approx((0.8 + 0.9 + 0.1) / 3)
    assert row["before_acc"] == pytest.approx((0.5 + 0.5) / 2)
    assert row["mean_val_acc"] == pytest.approx(0.7)
    assert row["sd_val_acc"] == pytest.approx(0.1)
    # .70 − .50 and .60 − .50; two are too few for an interval
    assert row["gain"] == pytest.approx(0.15)
    assert pd.isna([row["gain_low"], row["gain_high"]]).all()
    assert table.iloc[1:]["runs"].tolist() == [0, 0, 0]
    assert table.iloc[1:]["gain"].isna().all()


def test_an_interval_needs_three_runs_that_grew(maker: Maker) -> None:
    for seed, gain in enumerate((0.1, 0.2, 0.3)):
        start = grew(used(1, 0.4, (0.5, 0.5)))
        train(maker, "grown", [start, used(2, 0.4 + gain, (0.3, 0.3, 0.4))], seed=seed)
    row = nas.table("growth", maker.ledger).iloc[0]
    half = t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert row["gain"] == pytest.approx(0.2)
    assert row["gain_low"] == pytest.approx(0.2 - half)
    assert row["gain_high"] == pytest.approx(0.2 + half)


def test_runs_that_never_grew(maker: Maker) -> None:
    for seed in range(3):
        train(maker, "grown", [used(n, 0.8, (0.5, 0.5)) for n in (1, 2)], seed=seed)
    row = nas.table("growth", maker.ledger).iloc[0]
    assert (row["runs"], row["growths"], row["grew_once"]) == (3, 0, 0)
    missing = ["first_growth", "before_acc", "gain", "gain_low", "gain_high"]
    assert row[missing].isna().all()
    assert (row["experts"], row["idle"], row["mean_val_acc"]) == (2, 0, pytest.approx(0.8))
    assert nas.table("growth_events", maker.ledger).empty


def test_one_expert_has_no_entropy(maker: Maker) -> None:
    """Not even where later epochs have."""
    train(maker, "grown", [grew(used(1, 0.4, (1.0,), 0.0)), used(2, 0.5, (0.6, 0.4), 0.9)])
    row = nas.table("growth", maker.ledger).iloc[0]
    assert pd.isna(row["first_entropy"])
    assert row["last_entropy"] == pytest.approx(0.9)


def test_variants_count_equally(maker: Maker) -> None:
    """Three runs of one variant, one of the other: the arm's mean is that of two means."""
    for seed in range(3):
        train(maker, "many(3)", [used(n, 0.5, (0.5, 0.5)) for n in (1, 2)], seed=seed)
    train(maker, "many(5)", [grew(used(1, 0.5, (0.5, 0.5))), used(2, 0.7, (0.2, 0.4, 0.4))])
    table = nas.table("growth", maker.ledger).set_index("variant")
    rows = table[table["arm"] == "many"]
    assert rows["runs"].to_dict() == {"": 4, "many(3)": 3, "many(5)": 1}
    assert rows["growths"].to_dict() == {"": 0.5, "many(3)": 0, "many(5)": 1}
    assert rows.loc["", "mean_val_acc"] == pytest.approx(0.6)
    assert rows.loc["", "experts"] == 2.5


def test_growth_events(maker: Maker) -> None:
    fill(maker)
    found = nas.table("growth_events", maker.ledger)
    assert found.values.tolist() == [
        [0, "grown", "search", 1, 0.5, 0, 3, "no gain"],
        [0, "grown", "search", 2, 0.6, 1, 4, "again"],
        [0, "grown", "replicate", 2, 0.5, 0, 3, "no gain"],
    ]


def test_an_epoch_that_was_trained_again_counts_once(maker: Maker) -> None:
    """Killed after the growth of its second epoch was recorded, and resumed from the first: now it
    is the third after which it grows. And one that was resumed after its only growth."""
    first = used(1, 0.50, (0.5, 0.5))
    lost = [first, grew(used(2, 0.60, (0.5, 0.5)), reason="lost")]
    kept = [
        used(2, 0.55, (0.5, 0.5)),
        grew(used(3, 0.56, (0.5, 0.5)), reason="kept"),
        used(4, 0.7, (0.3, 0.3, 0.4)),
    ]
    train(maker, "grown", lost, kept)
    train(
        maker,
        "grown",
        [first, grew(used(2, 0.6, (0.5, 0.5)), reason="before")],
        [used(3, 0.65, (0.3, 0.3, 0.4)), used(4, 0.7, (0.01, 0.01, 0.98))],
        seed=1,
    )
    events = nas.table("growth_events", maker.ledger)
    assert events[["role", "epoch", "reason"]].values.tolist() == [
        ["search", 3, "kept"],
        ["replicate", 2, "before"],
    ]
    row = nas.table("growth", maker.ledger).iloc[0]
    assert (row["growths"], row["grew_once"], row["first_growth"]) == (1, 2, 2.5)
    assert row["before_acc"] == pytest.approx((0.56 + 0.6) / 2)
    assert row["gain"] == pytest.approx((0.14 + 0.1) / 2)
    assert (row["experts"], row["idle"]) == (3, 1)


def test_the_same_epoch_with_its_event_twice(maker: Maker) -> None:
    first, second = grew(used(1, 0.5, (0.5, 0.5))), used(2, 0.6, (0.3, 0.3, 0.4))
    train(maker, "grown", [first], [first, second])
    assert len(nas.table("growth_events", maker.ledger)) == 1
    assert nas.table("growth", maker.ledger).iloc[0]["growths"] == 1


def test_a_procedure_that_is_a_choice(tmp_path: Path) -> None:
    """Runs of other procedures cannot grow, so they are not among the runs."""
    arms = {arm: GROWING.arms[arm] for arm in ("grown", "many")}
    choice = Choice(name="recipe.procedure", values=("joint", "growth"))
    space = GROWING.with_(arms=arms, choices=(choice,), recipe=Recipe(epochs=2))
    maker = Maker(tmp_path / "choice.db", space=space, dataset="digits")
    assert nas.table("growth", maker.ledger)["runs"].tolist() == [0] * 4
    run(maker, "grown", 0.9, **{"recipe.procedure": "joint"})
    run(maker, "grown", 0.7, **{"recipe.procedure": "growth"})
    row = nas.table("growth", maker.ledger).iloc[0]
    assert (row["arm"], row["runs"], row["mean_val_acc"]) == ("grown", 1, 0.7)


def plugged(maker: Maker, label: str, seed: int, before: float, after: float, changed: int) -> None:
    data = {
        "tensors": 20,
        "changed": changed,
        "equal": changed == 0,
        "before": before,
        "after": after,
    }
    event = TrainingEvent(kind="plugged", step=10, reason="as set", data=data)
    train(maker, label, [epoch(1, 0.5).with_(events=(event,)), epoch(2, 0.6)], seed=seed)


def test_hot_plug(plugging: Maker) -> None:
    for seed in range(2):
        plugged(plugging, "guarded", seed, 0.9, 0.9, 0)
    for seed, (after, changed) in enumerate(((0.80, 6), (0.70, 8), (0.9, 0))):
        plugged(plugging, "loose", seed, 0.9, after, changed)
    run(plugging, "mixture", 0.7)
    table = nas.table("hot_plug", plugging.ledger).set_index("arm")
    assert table.index.tolist() == ["guarded", "loose"], "the others add no expert"
    guarded, loose = table.loc["guarded"], table.loc["loose"]
    assert (guarded["runs"], guarded["tensors"], guarded["changed"]) == (2, 20, 0)
    assert (guarded["equal"], guarded["gain"], guarded["gain_worst"]) == (2, 0, 0)
    assert pd.isna(guarded["gain_low"])
    assert (loose["runs"], loose["equal"], loose["changed"]) == (3, 1, pytest.approx(14 / 3))
    assert loose["before_acc"] == pytest.approx(0.9)
    assert loose["after_acc"] == pytest.approx(0.8)
    half = t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert loose["gain"] == pytest.approx(-0.1)
    assert (loose["gain_low"], loose["gain_high"]) == (
        pytest.approx(-0.1 - half),
        pytest.approx(-0.1 + half),
    )
    assert loose["gain_worst"] == pytest.approx(-0.2)
    assert loose["mean_val_acc"] == pytest.approx(0.6)
    assert loose["sd_val_acc"] == pytest.approx(0)


def test_a_phase_that_was_trained_again_was_plugged_once(plugging: Maker) -> None:
    data = {"tensors": 20, "changed": 0, "equal": True, "before": 0.9}
    lost, kept = (
        epoch(1, 0.5).with_(
            events=(TrainingEvent(kind="plugged", step=10, data=data | {"after": after}),)
        )
        for after in (0.1, 0.9)
    )
    train(plugging, "guarded", [lost], [kept, epoch(2, 0.6)])
    [row] = nas.table("hot_plug", plugging.ledger).itertuples()
    assert (row.runs, row.after_acc) == (1, 0.9)


@pytest.mark.parametrize("name", REPORTS)
def test_without_such_events(tmp_path: Path, name: str) -> None:
    """The same columns, and no rows: of arms that do something else, before a first result, and of
    families."""
    arms = {arm: GROWING.arms[arm] for arm in ("grown", "many")}
    plain = GROWING.with_(recipe=Recipe(epochs=2), arms=arms)
    maker = Maker(tmp_path / "plain.db", space=plain, dataset="digits")
    before = nas.table(name, maker.ledger)
    run(maker, "many(3)", 0.6)
    run(maker, "grown", None)
    after = nas.table(name, maker.ledger)
    families = Maker(tmp_path / "families.db", space=FAMILIES)
    assert nas.table(name, families.ledger).empty
    families.trained("ant_s", "bee_s", val=0.9)
    for frame in (before, after, nas.table(name, families.ledger)):
        assert frame.empty
        assert list(frame.columns) == list(before.columns)
        assert frame.dtypes.tolist() == before.dtypes.tolist()


def test_a_campaign_of_growing_arms_without_a_result(maker: Maker) -> None:
    for seed in range(2):
        table = nas.table("growth", maker.ledger)
        assert table["runs"].tolist() == [0, 0, 0, 0]
        assert table[["growths", "experts", "last_entropy", "gain"]].isna().all(axis=None)
        assert nas.table("growth_events", maker.ledger).empty
        run(maker, "grown", None, seed=seed)
