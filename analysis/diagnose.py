"""What did `nas diagnose` find in the trained candidates?

One row a figure that an instrument found in a candidate: the latest finding of each instrument.
The docstrings in `nas/diagnose/instruments` name every figure with its unit. Values that an
instrument does not give are missing.

number                the candidate's place among those of its role, from 0
instrument            what examined it
figure                the figure's name; missing where the instrument does not apply
value                 the figure; missing where it is several numbers
reason                why the instrument does not apply
values                its numbers in order, separated by spaces, where it is several
families              joined by +
role                  search, control, confirm or replicate
device                cpu or cuda
seconds               that the instrument took
made_at               when it was applied, in UTC
key                   identifies the candidate, in every campaign
"""

from collections.abc import Iterator

import pandas as pd

from nas.results import CampaignData

COLUMNS = [
    *("number", "instrument", "figure", "value", "reason", "values", "families", "role"),
    *("device", "seconds", "made_at", "key"),
]
NONE = "Nothing was examined yet: `nas diagnose best` examines the best candidate."


def table(data: CampaignData) -> pd.DataFrame:
    rows = _latest(data.diagnostics)
    numbers = data.candidates.set_index("candidate")["number"]
    rows = rows.assign(number=rows["candidate"].map(numbers).astype("int64"))
    rows = rows.rename(columns={"metric": "figure"})
    rows["order"] = range(len(rows))
    several = rows["position"].notna()
    texts = rows["value"].map("{:.4g}".format)
    rows["values"] = texts.where(several, "")
    rows["value"] = rows["value"].mask(several)
    rows["figure"] = rows["figure"].fillna("")
    wanted = ["candidate", "instrument", "figure"]
    shared = {name: "first" for name in [*COLUMNS, "order"] if name not in wanted}
    made = rows.groupby(wanted, as_index=False, sort=False).agg(shared | {"values": " ".join})
    made["figure"] = made["figure"].where(made["figure"] != "", None)
    made = made.sort_values(["role", "number", "instrument", "order"], ignore_index=True)
    answer = made[COLUMNS]
    answer.attrs["empty"] = NONE
    if reasons := "; ".join(_reasons(made)):
        answer.attrs["note"] = reasons
    return answer


def _reasons(rows: pd.DataFrame) -> Iterator[str]:
    """Each reason why an instrument does not apply, and to how many candidates."""
    without = rows[rows["reason"] != ""]
    for (instrument, reason), some in without.groupby(["instrument", "reason"], sort=False):
        yield f"no {instrument} of {len(some)}: {reason}"


def _latest(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each candidate's latest finding of each instrument."""
    last = rows.groupby(["candidate", "instrument"])["made_at"].transform("max")
    return rows[rows["made_at"] == last]
