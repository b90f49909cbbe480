"""Which mixtures are worth their size, on the front of accuracy, parameters and latency?

One row a mixture of the screen that no other equals or beats in all three: the uniform average's
validation accuracy, parameters and latency. Best accuracy first. The front is over every mixture
the screen scored, so over the whole space unless the note says that it was too large to list.

families              joined by +
uniform               validation accuracy of the uniform average, in [0, 1]
params                number of parameters of its experts
latency               seconds for one image, its experts one after another, on the device that they
                      were trained on
gate                  validation accuracy with a fitted gate; missing where none was fitted
uniform_test          test accuracy of the uniform average, for the report, not for choosing; of
                      mixtures with a fitted gate only
members               timm models, in the families' order
rank                  by the uniform average, 1 is best
"""

from bisect import bisect_left, insort

import pandas as pd

from nas.results import CampaignData
from nas.results.screens import screen

COLUMNS = [
    *("families", "uniform", "params", "latency", "gate", "uniform_test", "members", "rank"),
]


def table(data: CampaignData) -> pd.DataFrame:
    rows, note = screen(data)
    ordered = rows.sort_values(
        ["uniform", "params", "latency", "rank"], ascending=[False, True, True, True]
    )
    costs = zip(ordered["params"].tolist(), ordered["latency"].tolist(), strict=True)
    answer = ordered[_front(costs)][COLUMNS].reset_index(drop=True)
    answer.attrs |= {"note": note, "of": "screen"}
    return answer


def _front(costs: "zip[tuple[float, float]]") -> list[bool]:
    """For mixtures in falling accuracy, whether each is smaller or faster than all before it.

    `stairs` is the Pareto front of (parameters, latency) so far.
    """
    kept, stairs = [], list[tuple[float, float]]()
    for params, latency in costs:
        at = bisect_left(stairs, (params, latency))
        # The entry before `at` has at most as many parameters; an equal entry is at `at`.
        beaten = at > 0 and stairs[at - 1][1] <= latency
        beaten = beaten or (at < len(stairs) and stairs[at] == (params, latency))
        kept.append(not beaten)
        if not beaten:
            stairs[:] = [s for s in stairs if s[0] < params or s[1] < latency]
            insort(stairs, (params, latency))
    return kept
