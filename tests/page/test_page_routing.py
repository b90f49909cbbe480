"""Adjusted effects of arms' settings and their routing, as the page's data."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import routing_ledger
from arm_maker import draw
from ledger_maker import Maker
from routing_ledger import LABELS, NAME, SPACE, WORST, campaign, router_entropy

import nas
from nas.report.page import page_data, to_json
from nas.report.page import routing as routing_module
from nas.report.page.arm_effects import about_settings
from nas.report.page.routing import about_routing, short_name
from nas.schema import Outcome, Status


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return campaign(tmp_path_factory.mktemp("routing") / "runs.db")


@pytest.fixture(scope="module")
def data(maker: Maker) -> dict[str, Any]:
    return json.loads(to_json(page_data(maker.ledger)))  # type: ignore[no-any-return]


@pytest.fixture
def routing(data: dict[str, Any]) -> dict[str, Any]:
    return data["sections"]["routing"]  # type: ignore[no-any-return]


def column(table: dict[str, Any], name: str) -> list[Any]:
    return table["values"][name]  # type: ignore[no-any-return]


def same(table: dict[str, Any], expected: pd.DataFrame) -> None:
    assert table["rows"] == len(expected) > 0
    for name in (shown["name"] for shown in table["columns"]):
        for value, known in zip(column(table, name), expected[name], strict=True):
            if value is None:
                assert pd.isna(known)
            else:
                assert value == (pytest.approx(known, abs=1e-4) if name != "layer" else known)


def test_tables_hold_the_analyses_figures(data: dict[str, Any], maker: Maker) -> None:
    sections = data["sections"]
    assert not any("problem" in section for section in sections.values() if section)
    same(sections["arm_effects"]["table"], nas.table("arm_effects", maker.ledger))
    rows = nas.table("pce_routing", maker.ledger)
    val, mean = rows["split"] == "val", rows["layer"] == "mean"
    same(sections["routing"]["table"], rows[val & mean])
    same(sections["routing"]["layers"], rows[val & ~mean])
    assert "dense" not in column(sections["routing"]["table"], "arm")  # it does not route


def test_what_settings_change(data: dict[str, Any]) -> None:
    effects = data["sections"]["arm_effects"]
    assert column(effects["table"], "setting") == ["experts", "recipe.losses.z"]
    assert column(effects["table"], "change_val_acc") == pytest.approx([0.02, -0.05])
    assert effects["answer"] == (
        "Shown to change validation accuracy, in percentage points:"
        " recipe.losses.z 0.0 → 0.2 in moe (−5.0) and experts doubled in moe (+2.0)."
    )
    assert effects["note"] == (
        "no row for dense (one value of each setting);"
        " no loss gap: training images are scored with recipe: {score_training: true}"
    )


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ([(None, None)], "No setting’s effect has an interval."),
        (
            [(-0.1, 0.2)],
            "No setting is shown to change validation accuracy: its interval includes zero.",
        ),
        (
            [(-0.1, 0.2), (-0.2, 0.1), (None, None)],
            "No setting is shown to change validation accuracy: all 2 intervals include zero.",
        ),
    ],
)
def test_a_setting_without_an_interval_above_or_below_zero_is_not_named(
    ends: list[tuple[float | None, float | None]], sentence: str
) -> None:
    rows = pd.DataFrame(ends, columns=["change_val_acc_low", "change_val_acc_high"], dtype=float)
    rows = rows.assign(arm="moe", setting="post", step="True → False", change_val_acc=0.01)
    assert about_settings(rows) == sentence


def test_shares_of_one_rank_are_averaged(routing: dict[str, Any]) -> None:
    """Not of one position: another expert is the busiest of another run."""
    assert list(routing["use"]) == ["all layers", "moe1", "moe2"]
    for layer, busiest, least, dead in (
        ("all layers", 0.3125, 0.0625, 0.5),
        ("moe1", 0.125, 0.125, 0.0),
        ("moe2", 0.5, 0.0, 1.0),
    ):
        group = routing["use"][layer]
        assert tuple(column(group["table"], "name")) == LABELS
        row = LABELS.index(WORST)
        for name, value in (("busiest", busiest), ("least", least), ("dead", dead)):
            assert column(group["table"], name)[row] == pytest.approx(value, abs=1e-4)
        assert (
            column(group["table"], "experts")
            == [2, 2, 4, 4, 8, 8]
            == [len(mine) for mine in group["shares"]]
        )
        for mine in group["shares"]:
            assert sum(mine) == pytest.approx(1, abs=1e-4)
            assert mine == sorted(mine, reverse=True)


@pytest.mark.parametrize("again", [False, True])
def test_entropies_by_epoch_are_means_over_runs_and_layers(tmp_path: Path, again: bool) -> None:
    """An epoch that was trained again counts once, as it was trained last."""
    found = page_data(campaign(tmp_path / "runs.db", again=again).ledger)["sections"]["routing"]
    table = found["epochs"]
    assert column(table, "name") == [label for label in LABELS for _ in (1, 2)]
    assert column(table, "epoch") == [1, 2] * len(LABELS)
    for split in ("train", "val"):
        expected = [router_entropy(epoch, split) + 0.01 for epoch in (1, 2)]
        assert column(table, f"spec_entropy_{split}") == pytest.approx(expected * len(LABELS))
    evenness = column(table, "entropy_norm_val")
    assert evenness[-2:] == [1.0, 1.0]
    assert all(value < 1 for value in evenness[-4:-2])


def test_the_sentence_names_the_ends_and_the_dead(routing: dict[str, Any]) -> None:
    assert routing["answer"] == (
        f"Use of the experts is least even in {NAME} (H(q) / ln E 0.88), most even in"
        f" {NAME.replace('z=0', 'z=0.2')} (1.00). H(p) / ln E is 0.51 in all 6 variants."
        f" Dead experts: {NAME} (0.5)."
    )
    alone = pd.DataFrame(
        {
            "arm": ["moe"],
            "variant": [""],
            "entropy_norm": [0.5],
            "spec_entropy": [None],
            "dead": [0.0],
        }
    )
    assert about_routing(alone, {}) == "H(q) / ln E is 0.50 in moe. No expert is dead."


def test_figures_name_settings_without_their_section(routing: dict[str, Any]) -> None:
    assert routing["names"][WORST] == NAME
    assert short_name("dense") == "dense"
    assert short_name("sparse(post,recipe.lr=0.1)") == "sparse(post, lr=0.1)"
    assert short_name("moe(recipe.losses) 2") == "moe(recipe.losses) 2"


def test_more_variants_than_panels_are_drawn_by_arm(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing_module, "PANELS", 6)
    table = page_data(maker.ledger)["sections"]["routing"]["epochs"]
    assert column(table, "name") == ["moe", "moe"]
    expected = [router_entropy(epoch, "val") + 0.01 for epoch in (1, 2)]
    assert column(table, "spec_entropy_val") == pytest.approx(expected)


def test_one_layer_is_not_shown_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_two = routing_ledger.routed

    def first(*of: Any) -> Any:
        return tuple(metric for metric in of_two(*of) if metric.layer == "moe1")

    monkeypatch.setattr(routing_ledger, "routed", first)
    found = page_data(campaign(tmp_path / "runs.db").ledger)["sections"]["routing"]
    assert found["layers"] is None
    assert list(found["use"]) == ["all layers"]


def test_a_candidates_card_has_its_layers(data: dict[str, Any]) -> None:
    board, cards = data["sections"]["leaders"]["table"], data["cards"]
    keys = dict(zip(column(board, "members"), column(board, "key"), strict=True))
    names = [shown["name"] for shown in cards["routing_columns"]]
    first, second = (dict(zip(names, row, strict=True)) for row in cards["routing"][keys[WORST]])
    assert (first["layer"], first["entropy_norm"], first["dead"]) == ("moe1", 1.0, 0.0)
    assert (second["layer"], second["imbalance"], second["dead"]) == ("moe2", None, 1.0)
    assert keys["dense"] not in cards["routing"]


def test_networks_that_do_not_route_have_no_section(tmp_path: Path) -> None:
    dense = SPACE.with_(arms={"dense": SPACE.arms["dense"]})
    sections = page_data(campaign(tmp_path / "runs.db", space=dense).ledger)["sections"]
    assert sections["arms"]["table"]["rows"] == 1
    for name in ("arm_effects", "routing", "gates"):
        assert sections[name] is None


def test_while_nothing_is_trained_there_is_no_section(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", space=SPACE, dataset="digits")
    maker.finish(draw(maker, "moe", WORST), Outcome(status=Status.OOM, stage="train"))
    data = page_data(maker.ledger)
    assert data["sections"]["routing"] is None
    assert data["cards"]["routing"] == {}


def test_mixtures_of_families_have_gates_instead(tmp_path: Path) -> None:
    """Their routing is recorded too, and is shown by family."""
    maker = Maker(tmp_path / "runs.db")
    maker.trained("ant_s", "bee_s", val=0.5, inside=(0.4, 0.4))
    assert len(maker.ledger.metrics("first"))
    data = page_data(maker.ledger)
    assert data["sections"]["routing"] is data["sections"]["arm_effects"] is None
    assert data["sections"]["gates"]["mixtures"] == 1
    assert data["cards"]["routing"] == {}
