"""Domains of classes in whole campaigns: routers that find an expert, and an expert plugged in."""

from pathlib import Path

import pytest
import yaml
from real_nas import nas, results

from nas import resources
from nas.ledger import Ledger
from nas.results import table

pytestmark = pytest.mark.timeout(600)

LOCAL = ("--executor", "local", "-w", "1", "--budget", "3m")


def test_a_guarded_expert_keeps_every_bit_of_the_others(tmp_path: Path) -> None:
    nas("search", "hot-plug", *LOCAL, cwd=tmp_path)
    assert set(results(tmp_path).values()) == {"ok"}
    ledger = Ledger(tmp_path / "runs.db")
    rows = table("hot_plug", ledger).set_index("arm")
    guarded, unguarded = rows.loc["guarded"], rows.loc["unguarded"]
    assert rows["runs"].tolist() == [6, 6]
    assert (guarded["changed"], guarded["equal"], guarded["gain_worst"]) == (0, 6, 0)
    assert guarded["tensors"] == unguarded["tensors"] > 0
    assert guarded["before_acc"] == guarded["after_acc"]
    assert unguarded["changed"] > 0
    assert unguarded["equal"] == 0
    assert unguarded["gain"] <= -0.05
    events = ledger.training_events().query("kind == 'plugged'")["data"]
    assert sorted((data["changed"] == 0, data["equal"]) for data in events) == (
        [(False, False)] * 6 + [(True, True)] * 6
    )


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The space routing with few epochs, once each."""
    folder = tmp_path_factory.mktemp("routing")
    shipped = resources.shipped("search_spaces") / "routing.yaml"
    space = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    space["replicates"] = 1
    space["recipe"]["epochs"] = 7  # as many as prune_regrow needs
    (folder / "few.yaml").write_text(yaml.safe_dump(space, sort_keys=False))
    nas("search", "few.yaml", *LOCAL, cwd=folder)
    return folder


def test_the_accuracy_of_routers_is_exact(routed: Path) -> None:
    assert set(results(routed).values()) == {"ok"}
    ledger = Ledger(routed / "runs.db")
    rows = table("routing", ledger)
    phases = rows.groupby("arm", sort=False)["phase"].agg(list).to_dict()
    usual = ["experts", "router", "all_classes"]
    joint = ["experts", "joint", "all_classes"]
    assert phases == {
        **dict.fromkeys(("linear", "deep", "supervised"), usual),
        **dict.fromkeys(("joint", "joint_deep"), joint),
        "two_phase": ["experts", "router", "joint", "all_classes"],
        "confusion": usual,
    }, "mixture and prune_regrow have no domains"
    assert (rows["runs"] == 1).all()
    rate, wrong = rows["right_rate"], rows["wrong_acc"].fillna(0)
    by_route = rate * rows["right_acc"].fillna(0) + (1 - rate) * wrong
    assert (rows["top1_acc"] - by_route).abs().max() < 1e-12
    assert (rows["gap_domain"] == rows["domain_oracle_acc"] - rows["top1_acc"]).all()
    assert (rows["gap_any"] >= rows["gap_domain"]).all()
    # As it is scored: by the expert that is ranked first.
    last = rows[rows["phase"] == "all_classes"].set_index("arm")["top1_acc"]
    scored = ledger.candidates().set_index("families")["val_acc"]
    assert last.to_dict() == pytest.approx(scored[last.index].to_dict(), abs=1e-6)


def test_each_domain_goes_somewhere(routed: Path) -> None:
    matrix = table("routing_matrix", Ledger(routed / "runs.db"))
    assert matrix.groupby("variant").size().eq(4 * 4).all()
    shares = matrix.groupby(["variant", "domain"])["sent_share"].sum()
    assert (shares - 1).abs().max() < 1e-12
    last = table("routing", Ledger(routed / "runs.db")).query("phase == 'all_classes'")
    own = matrix[matrix["domain"] == matrix["expert"]]
    weighted = (own["sent_share"] * own["images"]).groupby(own["variant"]).sum()
    right = weighted / own.groupby("variant")["images"].sum()
    assert right.to_dict() == pytest.approx(last.set_index("arm")["right_rate"].to_dict())
