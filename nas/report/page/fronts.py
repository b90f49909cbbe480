"""Accuracy against a cost: the Pareto front, and counts of all points on a grid."""

from typing import Any

import numpy as np
import pandas as pd

BINS = (48, 36)
"""Number of cells along cost and accuracy."""


def front(cost: "pd.Series[float]", value: "pd.Series[float]") -> list[Any]:
    """Index labels of the rows on the Pareto front (low cost, high value), cheapest first."""
    known = pd.DataFrame({"cost": cost.astype("float64"), "value": value}).dropna()
    known = known.sort_values(["cost", "value"], ascending=[True, False], kind="stable")
    best_before = known["value"].cummax().shift(fill_value=-np.inf)
    return known.index[known["value"] > best_before].tolist()


def named(fronts: "dict[str, list[Any]]", titles: dict[str, str], rows: pd.DataFrame) -> list[str]:
    """For each row, the titles of the fronts that it is on, joined by commas."""
    names: dict[Any, list[str]] = {}
    for axis, best in fronts.items():
        for index in best:
            names.setdefault(index, []).append(titles[axis])
    return [", ".join(names.get(index, ())) for index in rows.index]


def grid(cost: "pd.Series[float]", value: "pd.Series[float]") -> dict[str, Any] | None:
    """Counts by log cost and accuracy: `x`, `y` (centres of cells) and `counts` (accuracy × cost);
    None if no cost is known."""
    known = pd.DataFrame({"cost": cost, "value": value}).astype("float64").dropna()
    known = known[known["cost"] > 0]
    if known.empty:
        return None
    counts, x, y = np.histogram2d(np.log10(known["cost"]), known["value"], bins=BINS)
    return {
        "x": np.round(10 ** ((x[1:] + x[:-1]) / 2), 6).tolist(),
        "y": np.round((y[1:] + y[:-1]) / 2, 5).tolist(),
        "counts": counts.T.astype(int).tolist(),
    }
