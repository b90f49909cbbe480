"""The table of arms: hand-worked figures."""

from pathlib import Path

import pytest
from arm_maker import run
from ledger_maker import Maker

import nas
from nas.results import tables
from nas.schema import Choice, Role, Space, Status, Variant

SPACE = Space(
    name="arms",
    template="heads",
    arms={
        "soft": (Variant(label="soft", settings={"head": "soft"}),),
        "dense": (Variant(label="dense", settings={"head": "dense"}),),
        "sparse": tuple(
            Variant(label=f"sparse({k})", settings={"head": "sparse", "top_k": k}) for k in (2, 4)
        ),
    },
    reference="dense",
    replicates=3,
)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", space=SPACE, dataset="digits")


def test_figures_of_arms_and_variants(maker: Maker) -> None:
    for seed, (dense, soft) in enumerate([(0.70, 0.80), (0.72, 0.86), (0.74, 0.83)]):
        run(maker, "dense", dense, seed=seed)
        run(maker, "soft", soft, seed=seed)
    run(maker, "sparse(2)", 0.6)
    run(maker, "sparse(4)", None)
    run(maker, "soft", 0.99, seed=3, role=Role.CONFIRM)  # selected, so not among the runs
    table = nas.table("arms", maker.ledger)
    assert table["arm"].tolist() == ["soft", "dense", "sparse", "sparse", "sparse"]
    assert table["variant"].tolist() == ["", "", "", "sparse(2)", "sparse(4)"]
    assert table["runs"].tolist() == [3, 3, 1, 1, 0]
    assert table["failed"].tolist() == [0, 0, 1, 0, 1]
    soft, dense, sparse, sparse_2 = (table.iloc[row] for row in (0, 1, 2, 3))
    assert soft["mean_val_acc"] == pytest.approx(0.83)
    assert soft["sd_val_acc"] == pytest.approx(0.03)
    # t(0.975, 2) = 4.302653; √3
    half = 4.302653 * 0.03 / 3**0.5
    assert soft["val_acc_low"] == pytest.approx(0.83 - half, abs=1e-7)
    assert soft["difference"] == pytest.approx(0.11)
    # Welch: standard error √(.03²/3 + .02²/3) = .0208167, 3.484536 degrees of freedom, t = 2.946173
    assert soft["difference_low"] == pytest.approx(0.11 - 2.946173 * 0.0208167, abs=1e-5)
    assert soft["mean_test_acc"] == pytest.approx(0.73)
    assert soft["mean_train_loss"] == pytest.approx(1.33)
    assert (soft["mean_val_loss"], soft["params"], soft["macs"]) == (1.2, 1000, 2000)
    assert soft["seconds"] == pytest.approx(20.0)
    assert dense[["difference", "difference_low"]].isna().all()
    assert sparse["mean_val_acc"] == 0.6
    unknown = ["difference_low", "val_acc_low", "sd_val_acc"]
    assert sparse[["difference", *unknown]].isna().all(), "one of two variants is not done"
    assert sparse_2["mean_val_acc"] == 0.6
    assert sparse_2[["difference", *unknown]].isna().all(), "of one seed"
    assert table.attrs["note"].split("; ") == [
        "differences are against dense",
        "an interval of a mean needs three runs, or two of each variant",
        "a difference needs two runs of each variant, and of dense",
    ]


def test_variants_of_an_arm_count_equally(maker: Maker) -> None:
    """sparse(2) is done twice and sparse(4) three times: the mean of their means .5 and .7, not of
    all runs. What they differ in is no chance, so it does not widen the interval."""
    for seed, dense in enumerate((0.70, 0.72, 0.74)):
        run(maker, "dense", dense, seed=seed)
    for seed, value in enumerate((0.49, 0.51)):
        run(maker, "sparse(2)", value, seed=seed)
    for seed, value in enumerate((0.66, 0.70, 0.74)):
        run(maker, "sparse(4)", value, seed=seed)
    sparse = nas.table("arms", maker.ledger).iloc[2]
    assert (sparse["arm"], sparse["variant"], sparse["runs"]) == ("sparse", "", 5)
    assert sparse["mean_val_acc"] == pytest.approx(0.6)
    # s² of the variants .0002 and .0016, pooled (1 · .0002 + 2 · .0016)/3
    assert sparse["sd_val_acc"] == pytest.approx((0.0034 / 3) ** 0.5)
    # Squared standard error (.0002/2 + .0016/3)/4 = .000025 + .000133333 = .000158333; degrees of
    # freedom .000158333²/(.000025²/1 + .000133333²/2) = 2.635036, t = 3.446938
    half = 3.446938 * 0.000158333**0.5
    assert sparse["val_acc_low"] == pytest.approx(0.6 - half, abs=1e-6)
    assert sparse["val_acc_high"] == pytest.approx(0.6 + half, abs=1e-6)
    # And .0004/3 of the reference: .000291667, freedom .000291667²/(.000025² + 2 · .000133333²/2)
    # = 4.622642, t = 2.634999
    assert sparse["difference"] == pytest.approx(-0.12)
    half = 2.634999 * 0.000291667**0.5
    assert sparse["difference_low"] == pytest.approx(-0.12 - half, abs=1e-6)
    assert sparse["mean_test_acc"] == pytest.approx(0.5)


def test_arms_with_different_choices_are_not_compared(tmp_path: Path) -> None:
    space = SPACE.with_(choices=(Choice(name="width", values=(8, 16)),))
    maker = Maker(tmp_path / "runs.db", space=space, dataset="digits")
    for width, value in ((8, 0.5), (16, 0.7)):
        for seed in range(3):
            run(maker, "dense", value + seed / 100, seed=seed, width=width)
            if width == 8:
                run(maker, "soft", value + seed / 100, seed=seed, width=width)
    table = nas.table("arms", maker.ledger)
    soft, dense = (table.iloc[row] for row in (0, 1))
    assert dense["mean_val_acc"] == pytest.approx(0.61)
    assert dense["sd_val_acc"] == pytest.approx(0.01)
    assert soft["val_acc_low"] < soft["mean_val_acc"] < soft["val_acc_high"]
    assert soft[["difference", "difference_low"]].isna().all(), "soft would lose by its widths"
    for seed in range(3):
        run(maker, "soft", 0.8 + seed / 100, seed=seed, width=16)
    assert nas.table("arms", maker.ledger).iloc[0]["difference"] == pytest.approx(0.05)


def test_survivors_of_early_stopping_have_no_intervals(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", space=SPACE, dataset="digits", scheduler="asha")
    for seed in range(3):
        run(maker, "dense", 0.7 + seed / 100, seed=seed)
        run(maker, "soft", 0.8 + seed / 100, seed=seed)
    run(maker, "sparse(2)", None, status=Status.PRUNED)
    table = nas.table("arms", maker.ledger)
    assert table["difference"].notna().any()
    ends = [name for name in table if name.endswith(("_low", "_high"))]
    assert table[ends].isna().all(axis=None)
    assert {str(table[name].dtype) for name in ends} == {"float64"}
    for name in ("arms", "arm_effects", "heads", "pce"):
        made = nas.table(name, maker.ledger)
        assert made.empty or "survivors of early stopping" in made.attrs["note"]
    assert "intervals" not in nas.table("heads", maker.ledger).attrs["note"], "it has none anyway"


def test_a_space_without_arms_has_none(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db")
    maker.trained("ant_s", "bee_s", val=0.9)
    assert nas.table("arms", maker.ledger).empty


@pytest.mark.parametrize("name", sorted(name for name in tables() if not name.startswith("screen")))
def test_every_table_knows_arms(name: str, maker: Maker) -> None:
    """Without a warning: pytest makes them errors."""
    run(maker, "dense", 0.7)
    run(maker, "soft", 0.8)
    run(maker, "sparse(2)", None)
    assert nas.table(name, maker.ledger).columns.size


def test_runs_that_learned_nothing_are_counted_and_named(maker: Maker) -> None:
    for seed, (dense, soft) in enumerate([(0.70, 0.80), (0.72, 0.1), (0.74, 0.83)]):
        run(maker, "dense", dense, seed=seed)
        run(maker, "soft", soft, seed=seed)
    for name in ("arms", "heads"):
        table = nas.table(name, maker.ledger)
        assert table["runs"].tolist()[:2] == [2, 3]
        assert "left out, because they learned nothing: 1 of soft" in table.attrs["note"]
    assert nas.table("arms", maker.ledger)["collapsed"].tolist()[:2] == [1, 0]


def test_an_interval_of_accuracies_ends_at_0_and_1(maker: Maker) -> None:
    for seed, value in enumerate((0.5, 0.75, 1.0)):
        run(maker, "dense", value, seed=seed)
        run(maker, "soft", 1 - value / 2, seed=seed)
    table = nas.table("arms", maker.ledger).set_index("arm")
    assert table.loc["dense", "val_acc_low"] > 0.1
    assert table.loc["dense", "val_acc_high"] == 1.0
