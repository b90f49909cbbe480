"""Is a mixture better than its best expert, and than plain averaging?

One row for all ok candidates of the search that learned something, then one for each family, over
the candidates with it. Lifts are differences of test accuracy, as shares: means with 95 % t
intervals over candidates, missing below three. The intervals account for the candidates' scatter,
not for the luck in a control's seed, which all lifts over the same expert share. With early
stopping there are no intervals, because results chose which candidates were trained to the end.

family                `all`, or a family
lift_over_alone       test_acc − that of its best member trained alone at equal epochs; the
                      member is chosen by validation
lift_over_alone_low   its 95 % interval
lift_over_alone_high
n_alone               candidates whose members' controls have all ended
lift_over_uniform     test_acc − that of the unweighted mean of the same experts' logits, which
                      were trained together
lift_over_uniform_low  its 95 % interval
lift_over_uniform_high
n_uniform             candidates that this is the mean over
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family, mean_interval
from nas.results.observed import first_rung
from nas.results.tables import answer

LIFTS = ("alone", "uniform")
COLUMNS = [
    "family",
    *(
        name
        for of in LIFTS
        for name in (f"lift_over_{of}", f"lift_over_{of}_low", f"lift_over_{of}_high", f"n_{of}")
    ),
]


def table(data: CampaignData) -> pd.DataFrame:
    board = answer("leaderboard", data)
    notes = []
    if lost := int(board["collapsed"].sum()):
        notes.append(f"of runs that learned: {lost} of {len(board)} collapsed")
    board = board[~board["collapsed"]]
    lifts = [f"lift_over_{of}" for of in LIFTS]
    one = board[lifts].assign(family="all")
    each = by_family(board, *lifts)[["family", *lifts]]
    rows = []
    for family, group in [("all", one), *each.groupby("family")]:
        row: dict[str, object] = {"family": family}
        for of in LIFTS:
            name = f"lift_over_{of}"
            mean, low, high, n = mean_interval(group[name])
            row |= {name: mean, f"{name}_low": low, f"{name}_high": high, f"n_{of}": n}
        rows.append(row)
    found = pd.DataFrame(rows, columns=COLUMNS)
    if first_rung(data) is not None:
        found[[f"lift_over_{of}_{end}" for of in LIFTS for end in ("low", "high")]] = float("nan")
        notes.append("of the survivors of early stopping alone, so without intervals")
    if notes:
        found.attrs["note"] = "; ".join(notes)
    return found
