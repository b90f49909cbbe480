"""What did `nas diagnose` find in the trained candidates?

One row a figure that an instrument found in a candidate: the latest finding of each instrument.
docs/instruments.md explains every figure. On screen are the figures to read first, with titles and
units; all of them, as they were recorded, are in CSV and JSON. Values that an instrument does not
give are missing.

name                  the candidate's role, but for search, and number
instrument            what examined it
figure                the figure's name; missing where the instrument does not apply
title                 what it is, in words
finding               the figure, or its numbers in order, separated by spaces; or why the
                      instrument does not apply
value                 the figure as a number; missing where it is several
unit                  of `finding` and `value`; shares are in [0, 1]
families              joined by +
role                  search, control, confirm or replicate
number                the candidate's place among those of its role, from 0
device                cpu or cuda
seconds               that the instrument took
made_at               when it was applied, in UTC
key                   identifies the candidate, in every campaign
"""

import pandas as pd

from nas.diagnose.explaining import explained
from nas.results import CampaignData
from nas.schema import printed_name

COLUMNS = [
    *("name", "instrument", "figure", "title", "finding", "value", "unit", "families", "role"),
    *("number", "device", "seconds", "made_at", "key"),
]
NONE = "Nothing was examined yet: `nas diagnose best` examines the best candidate."


def table(data: CampaignData) -> pd.DataFrame:
    rows = _latest(data.diagnostics)
    numbers = data.candidates.set_index("candidate")["number"]
    rows = rows.assign(number=rows["candidate"].map(numbers).astype("int64"))
    rows = rows.rename(columns={"metric": "figure"})
    rows["order"] = range(len(rows))
    texts = rows["value"].map("{}".format)
    rows["finding"] = texts.where(rows["figure"].notna(), rows["reason"])
    rows["value"] = rows["value"].mask(rows["position"].notna())
    rows["figure"] = rows["figure"].fillna("")
    wanted = ["candidate", "instrument", "figure"]
    kept = ("value", "families", "role", "number", "device", "seconds", "made_at", "key", "order")
    grouped = rows.groupby(wanted, as_index=False, sort=False)
    made = grouped.agg(dict.fromkeys(kept, "first") | {"finding": " ".join})
    made["figure"] = made["figure"].where(made["figure"] != "", None)
    figures = zip(made["instrument"], made["figure"], strict=True)
    meanings = [explained(*each) if isinstance(each[1], str) else None for each in figures]
    made["title"] = [None if each is None else each.title for each in meanings]
    made["unit"] = [None if each is None else each.unit.value for each in meanings]
    made = made.sort_values(["role", "number", "instrument", "order"], ignore_index=True)
    named = zip(made["role"], made["number"], strict=True)
    made["name"] = [printed_name(role, number) for role, number in named]
    answer = made[COLUMNS]
    answer.attrs["empty"] = NONE
    return answer


def _latest(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each candidate's latest finding of each instrument."""
    last = rows.groupby(["candidate", "instrument"])["made_at"].transform("max")
    return rows[rows["made_at"] == last]
