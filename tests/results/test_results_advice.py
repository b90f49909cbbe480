"""What a report advises, as a plan that a campaign can take up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger_maker import Maker

import nas
from nas.results import recommended
from nas.schema import DrawConstraints, ExpertAxis, Member, ProblemError, Space
from nas.stats.advice import AVERAGE, MARGIN

WORTH = {"ant": 0.05, "bee": 0.0, "cat": 0.0, "dog": -0.05, "elk": 0.0, "fox": 0.0}


def campaign(tmp_path: Path, trials: int, noise: float) -> Maker:
    families = {family: (Member(model=f"{family}_s"),) for family in WORTH}
    maker = Maker(
        tmp_path / "runs.db", space=Space(name="six", experts=ExpertAxis(k=2, families=families))
    )
    rng = np.random.default_rng(0)
    for replicate in range(trials):
        pair = sorted(rng.choice(list(WORTH), 2, replace=False))
        value = 0.7 + sum(WORTH[family] for family in pair) + noise * rng.standard_normal()
        value = min(max(value, 0.0), 1.0)
        maker.trained(*(f"{family}_s" for family in pair), val=value, replicate=replicate)
    return maker


def follows_from_its_interval(table: pd.DataFrame) -> bool:
    """Whether every advice is what the interval beside it says."""
    for row in table.itertuples():
        low, high = 100 * row.effect_low, 100 * row.effect_high
        if row.effect_high < -MARGIN:
            found = row.advice == "drop"
        elif row.effect_low > -MARGIN:
            found = row.advice == "keep"
        else:
            messages = f"between {low:+.2f} and {high:+.2f} points against {AVERAGE}"
            found = row.advice.startswith("needs ") and row.reason == messages
        if not found:
            return False
    return True


def test_it_keeps_what_helps_and_drops_what_hurts(tmp_path: Path) -> None:
    maker = campaign(tmp_path, 90, 0.005)
    table = nas.table("family_yield", maker.ledger).set_index("family")
    assert follows_from_its_interval(table)
    assert table.loc["ant", "advice"] == "keep"
    assert table.loc["ant", "reason"].startswith("at least 4.")
    assert table.loc["dog", "advice"] == "drop"
    assert table.loc["dog", "reason"].startswith("at least 4.")
    # The others are all alike: an outlier on either side does not make them bad.
    assert set(table.loc[["bee", "cat", "elk", "fox"], "advice"]) == {"keep"}
    # What is merely no worse is not preferred.
    assert recommended(maker.ledger) == DrawConstraints(drop=("dog",), prefer=("ant",))


def test_it_recommends_nothing_where_it_cannot(tmp_path: Path) -> None:
    maker = campaign(tmp_path, 24, 0.2)
    with pytest.raises(ProblemError, match="recommends nothing yet"):
        recommended(maker.ledger)


def test_what_is_undecided_is_neither(tmp_path: Path) -> None:
    maker = campaign(tmp_path, 60, 0.05)
    table = nas.table("family_yield", maker.ledger).set_index("family")
    more = table["advice"].str.fullmatch(r"needs (about |over )?[\d,]+ more draws?")
    assert more.any()
    assert follows_from_its_interval(table)
    plan = recommended(maker.ledger)
    assert not set(plan.drop + plan.prefer) & set(table.index[more])
