"""The table of arms: hand-worked figures."""

from pathlib import Path

import pytest
from arm_maker import run
from ledger_maker import Maker

import nas
from nas.results import tables
from nas.schema import Role, Space, Status, Variant

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
    soft, dense, sparse = (table.iloc[row] for row in (0, 1, 2))
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
    assert sparse["difference"] == pytest.approx(-0.12)
    assert sparse[["difference_low", "val_acc_low", "sd_val_acc"]].isna().all()
    assert table.attrs["note"] == "differences are against dense"


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
    assert "survivors of early stopping" in table.attrs["note"]


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
