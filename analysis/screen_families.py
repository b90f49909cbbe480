"""Which families do the best-scoring mixtures hold, over the whole space?

One row a family of the screen, best first. Accuracies and shares in [0, 1]. Every mixture counts,
so these figures have no sampling error of quartets (unless the note says that the space was too
large to list). The remaining noise is that of the validation images and of one training of each
expert.

family                as the space names it
uniform               mean validation accuracy of the uniform average over mixtures with it
without               the same over mixtures without it
gain                  uniform − without
best                  the best uniform average of a mixture with it
oracle                mean oracle of mixtures with it
alone                 its best expert's own validation accuracy
in_best               of the best hundredth of all mixtures, the share with it
mixtures              number of mixtures with it
"""

import numpy as np
import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family
from nas.results.screens import screen, screen_in

COLUMNS = [
    *("family", "uniform", "without", "gain", "best", "oracle", "alone", "in_best", "mixtures"),
]


def table(data: CampaignData) -> pd.DataFrame:
    rows, note = screen(data)
    best = max(1, len(rows) // 100)
    rows = rows.assign(best=rows["rank"] <= best)
    long = by_family(rows, "uniform", "oracle", "best")
    groups = long.groupby("family")
    total, count = rows["uniform"].sum(), len(rows)
    answer = pd.DataFrame(
        {
            "uniform": groups["uniform"].mean(),
            "best": groups["uniform"].max(),
            "oracle": groups["oracle"].mean(),
            "in_best": groups["best"].sum() / best,
            "mixtures": groups.size(),
        }
    )
    others = (count - answer["mixtures"]).replace(0, np.nan)
    answer["without"] = (total - groups["uniform"].sum()) / others
    answer["gain"] = answer["uniform"] - answer["without"]
    answer["alone"] = answer.index.map(_alone(data))
    answer = answer.sort_values(["gain", "uniform"], ascending=False).reset_index()[COLUMNS]
    answer.attrs |= {"note": note, "of": "screen"}
    return answer


def _alone(data: CampaignData) -> dict[str, float]:
    found: dict[str, float] = {}
    for expert in screen_in(data).experts:
        found[expert.family] = max(found.get(expert.family, 0.0), expert.val_acc or 0.0)
    return found
