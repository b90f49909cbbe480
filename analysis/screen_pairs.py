"""Which pairs of families belong together, over the whole space?

One row a pair of families of the screen, greatest synergy first. Accuracies in [0, 1]. The figures
are over all mixtures, so nothing is estimated from a sample of them (unless the note says that the
space was too large to list).

family_a, family_b    sorted by name
synergy               mean uniform average of mixtures with both, beyond what the two families' own
                      means add up to: mean(both) − mean(a) − mean(b) + mean(all)
uniform               mean validation accuracy of the uniform average over mixtures with both
best                  the best of them
oracle                their mean oracle: the share of images that any expert gets right
mixtures              number of mixtures with both
"""

from itertools import combinations

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family, by_pair
from nas.results.screens import screen

COLUMNS = ["family_a", "family_b", "synergy", "uniform", "best", "oracle", "mixtures"]


def table(data: CampaignData) -> pd.DataFrame:
    rows, note = screen(data)
    own = by_family(rows, "uniform").groupby("family")["uniform"].mean()
    pairs = pd.DataFrame(combinations(own.index, 2), columns=["family_a", "family_b"])
    groups = by_pair(rows, list(own.index), "uniform", "oracle").groupby("pair")
    answer = pairs.assign(
        uniform=groups["uniform"].mean(),
        best=groups["uniform"].max(),
        oracle=groups["oracle"].mean(),
        mixtures=groups.size().reindex(pairs.index, fill_value=0),
    )
    each = answer["family_a"].map(own) + answer["family_b"].map(own)
    answer["synergy"] = answer["uniform"] - each + rows["uniform"].mean()
    answer = answer.sort_values(["synergy", "uniform"], ascending=False)
    answer = answer.reset_index(drop=True)[COLUMNS]
    answer.attrs |= {"note": note, "of": "screen"}
    return answer
