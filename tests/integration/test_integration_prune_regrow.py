"""Three cycles of pruning and regrowth with three seeds, by `nas search` and its report."""

from pathlib import Path

import pytest
import yaml
from real_nas import nas_inside

import nas
from nas.ledger import Ledger

pytestmark = pytest.mark.proof

SHIPPED = Path(__file__).parents[2] / "search_spaces" / "routing.yaml"


def test_the_third_cycle_is_not_worse_than_the_first(tmp_path: Path) -> None:
    space = yaml.safe_load(SHIPPED.read_text())
    space["arms"] = {"prune_regrow": space["arms"]["prune_regrow"]}
    space["reference"] = "prune_regrow"
    (tmp_path / "cycles.yaml").write_text(yaml.safe_dump(space))
    nas_inside("search", "cycles.yaml", "-n", "1", "--executor", "inline", cwd=tmp_path)
    rows = nas.table("prune_regrow", Ledger(tmp_path / "runs.db"))
    assert rows["cycle"].tolist() == [1, 2, 3]
    assert (rows["runs"] == 3).all()
    assert rows["pruned_share"].tolist() == [pytest.approx(0.8, abs=1e-4)] * 3
    third = rows.iloc[2]
    assert third["gain"] > -0.02
    assert third["gain_low"] < third["gain"] < third["gain_high"]
