"""The audit of the draws, and how often each family was drawn."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, need_columns, of_arms, table
from nas.report.page.snapshot import Snapshot

_LEVELS = (
    Column("level", "Level", "text", "family, pair, member, a gate setting, or the whole set"),
    Column("values", "Values", "int", "how many the space has"),
    Column("drawn", "Drawn", "int", "how many were drawn at least once"),
    Column("covered", "Covered", "percent", "drawn / values"),
    Column("mean", "Mean draws", "float", "expected of fair draws"),
    Column("min", "Least", "int"),
    Column("max", "Most", "int"),
    Column(
        "spread", "Spread", "int", "largest difference between counts that fair draws keep equal"
    ),
    Column("least", "Least drawn", "text"),
)
_DRAWS = (
    Column("family", "Family", "text"),
    Column("draws", "Draws", "int"),
    Column("ok", "Trained", "int"),
    Column("open", "Open", "int"),
)


def audited(ledger: Snapshot, campaign: str) -> dict[str, Any]:
    """The audit: `verdict` (fair, biased, adaptive or none), `flagged_at`, `why`, `draws`, `line`,
    and `failing`: a sentence for each family whose candidates fail more often than the rest."""
    result = ledger.verdict(campaign)
    judged = result.draws or result.verdict == "none"
    return {
        "verdict": result.verdict if result.draws else "none",
        "flagged_at": result.flagged_at,
        "why": result.why,
        "draws": result.draws,
        "line": result.line if judged else "Nothing has been drawn yet.",
        "failing": list(result.failing.values()),
    }


def coverage(ledger: Snapshot, campaign: str, yields: Callable[[], pd.DataFrame]) -> dict[str, Any]:
    """`levels` and `draws`: tables, `draws` in the space's order; `mean`: expected draws of a
    family, None for a space without families."""
    levels, arms = ledger.table("coverage", campaign), bool(ledger.campaign(campaign).space.arms)
    draws = yields().sort_values("family", kind="stable")
    return {
        "levels": table(levels, _LEVELS, "coverage"),
        "draws": table(draws, of_arms(_DRAWS, arms), "family_yield"),
        "mean": _mean(need_columns(levels, ["level", "mean"], "coverage")),
    }


def _mean(levels: pd.DataFrame) -> float | None:
    found = levels.loc[levels["level"].isin(["family", "arm"]), "mean"]
    return float(found.iloc[0]) if len(found) else None
