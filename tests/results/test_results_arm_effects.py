"""Tables of what arms are measured by: hand-worked figures."""

from pathlib import Path

import pandas as pd
import pytest
from arm_maker import run
from ledger_maker import Maker

import nas
from nas.ledger.diagnoses import put_diagnosis
from nas.results import CampaignData, answer
from nas.schema import Metric, Space, Variant

SPACE = Space(
    name="pce",
    template="pce",
    arms={
        "dense": (Variant(label="dense", settings={"experts": 1}),),
        "moe": tuple(
            Variant(
                label=f"moe({experts},{post})",
                settings={"experts": experts, "post": post, "patch": 4},
                recipe={"losses.z": 0.1},
            )
            for experts in (2, 4, 8)
            for post in (True, False)
        ),
    },
    reference="dense",
)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", space=SPACE, dataset="digits")


def routed(imbalance: tuple[float, float], clean: float = 0.2) -> tuple[Metric, ...]:
    """Metrics of a run with two layers, the validation loss of which is 1.2."""
    layers = [
        Metric(name=name, split=split, layer=layer, value=value + (split == "train"))  # type: ignore[arg-type]
        for split in ("train", "val")
        for layer, of_layer in zip(("moe1", "moe2"), imbalance, strict=True)
        for name, value in (("imbalance", of_layer), ("spec_entropy", 0.1 * of_layer))
    ]
    shares = Metric(name="expert_shares", split="val", layer="moe1", value=(0.7, 0.3))
    return (
        *layers,
        shares,
        Metric(name="clean_loss", split="train", value=clean),
        Metric(name="clean_acc", split="train", value=1.0),
    )


def fill(maker: Maker) -> None:
    """Doubling E costs 2 points and adds 1 to imbalance; leaving out the post block costs 5 points
    and adds 0.3 to the gap. Two runs of each, 1 point apart."""
    run(maker, "dense", 0.8, metrics=(Metric(name="clean_acc", split="train", value=0.9),))
    for variant in SPACE.arms["moe"]:
        doublings = {2: 0, 4: 1, 8: 2}[int(variant.settings["experts"])]
        post = bool(variant.settings["post"])
        for seed in (0, 1):
            val = 0.7 - 0.02 * doublings - (0 if post else 0.05) + 0.01 * seed
            clean = 0.2 if post else -0.1
            run(
                maker,
                variant.label,
                val,
                seed=seed,
                metrics=routed((1.0 + doublings, 3.0 + doublings), clean),
            )


def test_effects_of_settings(maker: Maker) -> None:
    fill(maker)
    table = nas.table("arm_effects", maker.ledger)
    assert table[["arm", "setting", "step", "runs"]].values.tolist() == [
        ["moe", "experts", "doubled", 12],
        ["moe", "post", "True → False", 12],
    ], "what is the same in all variants has no effect"
    experts, post = (table.iloc[row] for row in (0, 1))
    assert experts["change_val_acc"] == pytest.approx(-0.02)
    assert post["change_val_acc"] == pytest.approx(-0.05)
    assert experts["change_imbalance"] == pytest.approx(1)
    assert experts["change_spec_entropy"] == pytest.approx(0.1)
    assert post["change_imbalance"] == pytest.approx(0, abs=1e-9)
    assert experts["change_loss_gap"] == pytest.approx(0, abs=1e-9)
    assert post["change_loss_gap"] == pytest.approx(0.3)
    for row in (experts, post):
        assert row["change_val_acc_low"] < row["change_val_acc"] < row["change_val_acc_high"]
    half = (post["change_val_acc_high"] - post["change_val_acc_low"]) / 2
    assert post["runs_needed"] == -(-12 * (half / 0.015) ** 2 // 1)

    assert table.attrs["note"] == (
        "no row for patch, recipe.losses.z of moe (one value); dense (one value of each setting)"
    )


ABSENT = {
    "moe(4)": {"experts": 4},
    "moe(8)": {"experts": 8},
    "moe(4,plain)": {"experts": 4, "post": False},
}
"""Two of three leave `post` out: it is true, the template's default."""


def absent(path: Path) -> Maker:
    """Eight experts cost 2 points, no post block 5; ± half a point over two seeds each. A weight of
    the z loss gains 1."""
    variants = [Variant(label=label, settings=each) for label, each in ABSENT.items()]
    recipe = {"losses.z": 0.5, "schedule": [[0, 0.1], [1, 1]]}
    variants.append(Variant(label="moe(z)", settings={"experts": 4}, recipe=recipe))
    space = SPACE.with_(arms={"moe": tuple(variants)}, reference="moe")
    maker = Maker(path / "absent.db", space=space, dataset="digits")
    for label, value in zip([v.label for v in variants], (0.7, 0.68, 0.65, 0.71), strict=True):
        for seed, chance in enumerate((-0.005, 0.005)):
            run(maker, label, value + chance, seed=seed)
    return maker


def test_a_setting_that_is_left_out_has_its_default(tmp_path: Path) -> None:
    table = nas.table("arm_effects", absent(tmp_path).ledger)
    assert table[["setting", "step"]].values.tolist() == [
        ["experts", "4 → 8"],
        ["post", "True → False"],
        ["recipe.losses.z", "0 → 0.5"],
    ]
    assert table["change_val_acc"].tolist() == pytest.approx([-0.02, -0.05, 0.01])
    assert table["change_val_acc_low"].notna().all()
    assert table.attrs["note"] == (
        "no row for recipe.schedule of moe (a ramp or a list);"
        " no loss gap: training images are scored with recipe: {score_training: true}"
    )


def test_a_setting_whose_runs_have_one_value_has_a_reason_instead_of_a_row(tmp_path: Path) -> None:
    variants = [Variant(label=f"moe({n})", settings={"experts": n}) for n in (4, 8)]
    space = SPACE.with_(arms={"moe": tuple(variants)}, reference="moe")
    maker = Maker(tmp_path / "one.db", space=space, dataset="digits")
    for seed in range(2):
        run(maker, "moe(4)", 0.7, seed=seed)
    run(maker, "moe(8)", 0.1)  # chance, with ten classes
    table = nas.table("arm_effects", maker.ledger)
    assert table.empty
    assert table.attrs["note"] == (
        "no row for experts of moe (no runs of several of its values);"
        " left out, because they learned nothing: 1 of moe"
    )


@pytest.mark.parametrize(
    ("template", "reason"),
    [("pce", "the template has changed since"), ("gone", "the template is gone")],
)
def test_defaults_of_another_template_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str, reason: str
) -> None:
    monkeypatch.setattr("arm_maker.template_hash", lambda name: "0" * 16)
    monkeypatch.setitem(globals(), "SPACE", SPACE.with_(template=template))
    table = nas.table("arm_effects", absent(tmp_path).ledger)
    assert table["setting"].tolist() == ["experts", "recipe.losses.z"]
    assert f"post of moe ({reason})" in table.attrs["note"]


def test_an_effect_that_rests_on_one_run_has_no_interval(maker: Maker) -> None:
    for seed in range(6):
        run(maker, "moe(2,True)", 0.7 + seed / 100, seed=seed)
    run(maker, "moe(2,False)", 0.6)
    [post] = nas.table("arm_effects", maker.ledger).itertuples()
    assert (post.setting, post.runs) == ("post", 7)
    assert post.change_val_acc == pytest.approx(-0.125)
    assert pd.isna([post.change_val_acc_low, post.change_val_acc_high, post.runs_needed]).all()


def test_the_table_of_pce(maker: Maker) -> None:
    fill(maker)
    table = nas.table("pce", maker.ledger).set_index("variant")
    row = table.loc["moe(2,True)"]
    assert row["runs"] == 2
    assert row["mean_val_acc"] == pytest.approx(0.705)
    assert row["sd_val_acc"] == pytest.approx(0.01 / 2**0.5)
    assert row["mean_loss_gap"] == pytest.approx(1.0)
    assert row["mean_clean_train_acc"] == 1
    assert row["spec_entropy"] == pytest.approx(0.2), "mean of .1 and .3 over layers"
    dense = nas.table("pce", maker.ledger).iloc[0]
    assert dense[["spec_entropy", "mean_loss_gap"]].isna().all()


def test_routing_by_layer(maker: Maker) -> None:
    fill(maker)
    table = nas.table("pce_routing", maker.ledger)
    assert set(table["arm"]) == {"moe"}, "a dense network does not route"
    mine = table[table["variant"] == "moe(4,True)"]
    assert mine[["split", "layer", "imbalance"]].values.tolist() == [
        ["train", "mean", 4.0],
        ["val", "mean", 3.0],
        ["val", "moe1", 2.0],
        ["val", "moe2", 4.0],
    ]
    assert mine["sd_imbalance"].tolist() == [0, 0, 0, 0]
    assert mine["drop_rate"].isna().all()


def test_heads(maker: Maker) -> None:
    fill(maker)
    row = (
        answer("heads", CampaignData(maker.ledger, "first")).set_index("variant").loc["moe(2,True)"]
    )
    assert row["perfect"] == 2
    assert row["busiest_share"] == 0.7
    assert row["test_se"] == pytest.approx(0.048, abs=1e-3)  # √(p(1−p)/104), p = 62.5/104
    dense = answer("heads", CampaignData(maker.ledger, "first")).iloc[0]
    assert (dense["perfect"], dense["mean_clean_train_acc"]) == (0, 0.9)
    assert pd.isna(dense["busiest_share"])


@pytest.mark.parametrize("resumed", [None, 1, 0])
def test_the_best_epoch_and_the_last(maker: Maker, resumed: int | None) -> None:
    """Also of a run that was resumed with one epoch left, or none: all its epochs count, each as it
    was trained last."""
    metrics = routed((1.0, 3.0))
    attempt = run(maker, "moe(2,True)", 0.5, first=0.9, resumed=resumed, metrics=metrics)
    assert attempt == (1 if resumed is None else 2)
    row = (
        answer("heads", CampaignData(maker.ledger, "first")).set_index("variant").loc["moe(2,True)"]
    )
    assert row["mean_val_acc"] == 0.5
    assert row["mean_best_val_acc"] == 0.9
    assert row["images_per_second"] == 200  # 100 in the first epoch, 300 in the last
    assert (row["perfect"], row["busiest_share"]) == (1, 0.7)
    arms = nas.table("arms", maker.ledger).set_index("variant").loc["moe(2,True)"]
    assert arms["mean_train_loss"] == 1.0
    assert nas.table("pce", maker.ledger).set_index("variant").loc[
        "moe(2,True)", "mean_loss_gap"
    ] == pytest.approx(1.0)
    assert (nas.table("pce_routing", maker.ledger)["runs"] == 1).all()


def test_latency_against_the_reference(maker: Maker) -> None:
    for label, seed, milliseconds in (
        ("dense", 0, 2.0),
        ("dense", 1, 4.0),
        ("moe(2,True)", 0, 9.0),
    ):
        attempt = run(maker, label, 0.7, seed=seed)
        for made in (100.0, milliseconds):  # the latest finding counts
            put_diagnosis(
                maker.ledger,
                attempt,
                "latency",
                environment={},
                device="cpu",
                seconds=1.0,
                figures={
                    "threads": 1.0,
                    "batch_8.quartiles_ms": (0.5 * made, made, 2 * made),
                    "other_work": 0.3 if label == "dense" and seed else 0.01,
                    "batch_8.gate_moe1.quartiles_ms": (1.0, 1.0, 1.0),  # of a part
                    "batch_64.median_ms": 5 * made,
                    "batch_8.median_ms": made,
                    "batch_8.images_per_s": 8000 / made,
                },
            )
    table = nas.table("pce_latency", maker.ledger)
    assert table["batch"].tolist() == [8, 64] * 3
    dense, moe, variant = table[table["batch"] == 8].itertuples()
    assert (dense.arm, dense.runs, dense.median_ms, dense.slowdown) == ("dense", 2, 3.0, 1.0)
    assert dense.sd_median_ms == pytest.approx(2**0.5)
    assert (moe.variant, moe.median_ms, moe.slowdown) == ("", 9.0, 3.0)
    assert (variant.variant, variant.images_per_s) == ("moe(2,True)", pytest.approx(8000 / 9))
    assert (moe.quartile_1_ms, moe.quartile_3_ms) == (4.5, 18.0)
    assert (moe.slowdown_least, moe.slowdown_most) == (4.5 / 6.0, 18.0 / 1.5)
    assert (dense.disturbed, moe.disturbed) == (True, False)
    assert (dense.other_work_share, moe.other_work_share) == (0.3, 0.01)


def test_latency_is_compared_within_an_environment(maker: Maker) -> None:
    """Another machine: neither its times nor its reference count for the first."""
    for label, cpus, milliseconds in (
        ("dense", 2, 2.0),
        ("moe(2,True)", 2, 6.0),
        ("moe(2,True)", 64, 1.0),
    ):
        known = maker.ledger.attempts()
        mine = known.loc[known["members"] == label, "attempt"]
        put_diagnosis(
            maker.ledger,
            int(mine.iloc[0]) if len(mine) else run(maker, label, 0.7),
            "latency",
            environment={"cpus": cpus, "platform": "Linux-6.1-x86_64"},
            device="cpu",
            seconds=1.0,
            figures={"batch_8.median_ms": milliseconds, "batch_8.images_per_s": 1.0},
        )
    table = nas.table("pce_latency", maker.ledger)
    moe = table[table["variant"] == "moe(2,True)"]
    assert moe["machine"].tolist() == ["Linux, 2 CPUs", "Linux, 64 CPUs"]
    assert moe["environment"].nunique() == 2
    assert moe["median_ms"].tolist() == [6.0, 1.0]
    assert moe["slowdown"].tolist()[0] == 3.0
    assert moe["slowdown"].isna().tolist() == [False, True]
