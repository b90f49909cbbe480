"""Is the draw fair: has everything been drawn about equally often?

One row a level of the space; candidates of the search, whatever their outcome. Counts are of
draws; a pair's is of candidates with both families.

level                 family, pair, member, gate_<name>, or subset (a set of k families)
values                number of them in the space
drawn                 number of them drawn at least once
covered               drawn / values, in [0, 1]
mean                  draws per value, on average: what a fair draw aims at
min, max              draws of the least and of the most drawn value
spread                largest difference between counts that should be equal: among families,
                      among pairs, among settings; for members, within one family; none for subsets
least                 the least drawn values, at most three

Benched families, and members that fail their pre-flight, are drawn less on purpose.
"""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family, by_pair

COLUMNS = ["level", "values", "drawn", "covered", "mean", "min", "max", "spread", "least"]


def table(data: CampaignData) -> pd.DataFrame:
    space = data.space
    drawn = data.candidates[data.candidates["role"] == "search"]
    rows = []
    group, member = space.kinds
    if space.groups:
        long = by_family(drawn, "candidate")
        rows.append(_level(group, _counts(long["family"], space.families)))
        if space.k > 1:
            pairs = by_pair(drawn, space.families)["pair"].value_counts()
            every = ["+".join(pair) for pair in combinations(space.families, 2)]
            counts = pairs.reindex(range(len(every)), fill_value=0).set_axis(every)
            rows.append(_level("pair", counts))
        known = [(name, model) for name, models in space.groups.items() for model in models]
        members = _counts(long["model"], [model for _, model in known])
        within = members.groupby([name for name, _ in known])
        spread = int((within.max() - within.min()).max())
        rows.append(_level(member, members) | {"spread": spread})
        rows.append(_subsets(drawn, space.subsets))
    for choice in space.choices:
        held = drawn[f"gate_{choice.name}"]
        counts = pd.Series({str(value): int((held == value).sum()) for value in choice.values})
        rows.append(_level(f"gate_{choice.name}", counts))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.astype({"spread": "Int64", "min": "int64", "max": "int64"})


def _counts(values: pd.Series, every: Iterable[str]) -> pd.Series:
    return values.value_counts().reindex(list(every), fill_value=0)


def _level(level: str, counts: pd.Series) -> dict[str, Any]:
    low, high = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
    return {
        "level": level,
        "values": len(counts),
        "drawn": int((counts > 0).sum()),
        "covered": float((counts > 0).mean()),
        "mean": float(counts.mean()),
        "min": low,
        "max": high,
        "spread": high - low,
        "least": ", ".join(counts.sort_values(kind="stable").index[:3]),
    }


def _subsets(drawn: pd.DataFrame, subsets: int) -> dict[str, Any]:
    """Counted without listing them: there may be millions."""
    counts = drawn["families"].value_counts()
    return {
        "level": "subset",
        "values": subsets,
        "drawn": len(counts),
        "covered": len(counts) / subsets,
        "mean": len(drawn) / subsets,
        "min": int(counts.min()) if len(counts) == subsets else 0,
        "max": int(counts.max()) if len(counts) else 0,
        "spread": None,
        "least": "",
    }
