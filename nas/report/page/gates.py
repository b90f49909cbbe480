"""The gate weight of each family's expert."""

from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, table
from nas.report.page.snapshot import Snapshot

_QUANTILES = {"p5": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "p95": 0.95}
_COLUMNS = (
    Column("family", "Family", "text"),
    Column("n", "Mixtures", "int", "trained to their end"),
    Column("p5", "5 %", "percent"),
    Column("q1", "25 %", "percent"),
    Column("median", "Median", "percent"),
    Column("q3", "75 %", "percent"),
    Column("p95", "95 %", "percent"),
    Column("mean", "Mean", "percent"),
    Column("unused", "Unused", "percent", "share of mixtures giving it less than 1 % of weight"),
)
UNUSED = 0.01
"""Mean gate weight below which an expert counts as unused."""
ALL = "all"


def gates(ledger: Snapshot, campaign: str) -> dict[str, Any]:
    """`groups`: by the gate's setting `mixing` (`all` first), a table of quantiles of the mean gate
    weight by family; `even`: 1/k; `mixtures`: number of mixtures."""
    rows = ledger.experts(campaign)
    rows = rows[rows["final"] & (rows["role"] == "search")]
    groups = {ALL: rows}
    candidates = ledger.candidates(campaign)
    if "gate_mixing" in candidates:
        mixing = rows["candidate"].map(candidates.set_index("candidate")["gate_mixing"])
        groups |= {str(name): some for name, some in rows.groupby(mixing.astype("string"))}
    size = rows.groupby("attempt").size()
    return {
        "groups": {
            name: table(_quantiles(some), _COLUMNS, "gates") for name, some in groups.items()
        },
        "even": 1 / float(size.median()) if len(size) else None,
        "mixtures": len(size),
    }


def _quantiles(rows: pd.DataFrame) -> pd.DataFrame:
    by_family = rows.groupby("family")["usage"]
    found = pd.DataFrame({name: by_family.quantile(q) for name, q in _QUANTILES.items()})
    unused = (rows["usage"] < UNUSED).groupby(rows["family"]).mean()
    found = found.assign(n=by_family.size(), mean=by_family.mean(), unused=unused)
    return found.reset_index().sort_values(["median", "family"], ascending=[False, True])
