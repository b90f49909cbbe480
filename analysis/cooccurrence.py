"""Which pairs of families do better together than their effects add up to?

One row a pair of the space's families, surest synergy first; candidates of the search only.

family_a, family_b    sorted by name
synergy               validation accuracy beyond what the two families' effects add up to, partners,
                      members and settings held equal, of runs that learned; missing below 5
                      candidates with both, and where one of them gets no effect for collapsing
synergy_low           its 95 % interval; among many pairs some exclude zero by chance alone
synergy_high
q_value               expected share of false discoveries among all pairs with a q_value up to
                      this one (Benjamini and Hochberg): below 0.05 is worth believing
together              candidates with both that the synergy is estimated from
ok                    candidates with both, trained to their end
mean_val_acc          of those that learned, in [0, 1]
draws                 candidates drawn with both
failed                candidates with both that failed
success_rate          of the candidates with both that ended, the share that did not fail
best_val_acc          of those that learned, in [0, 1]
collapsed             number of ok candidates that learned nothing: see family_yield

With early stopping, synergies are on the accuracy at the first rung, the epoch at which all
candidates can be compared.
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_pair
from nas.results.outcomes import FAILED, NOT_FAILED
from nas.stats import synergies

EMPTY = "No candidate has two families or arms, so there are no pairs."

COLUMNS = [
    *("family_a", "family_b", "synergy", "synergy_low", "synergy_high", "q_value", "together"),
    *("ok", "mean_val_acc", "draws", "failed", "success_rate", "best_val_acc", "collapsed"),
]


def table(data: CampaignData) -> pd.DataFrame:
    drawn = data.candidates[data.candidates["role"] == "search"]
    drawn = drawn.assign(lost=drawn["candidate"].map(data.collapsed).eq(True))
    pairs = by_pair(drawn, data.space.families, "outcome", "val_acc", "lost")
    succeeded = pairs[pairs["outcome"] == "ok"]
    failed = pairs[pairs["outcome"].isin(FAILED)]
    sound = pairs[pairs["outcome"].isin(NOT_FAILED)]

    found = synergies(data.observed.observations, data.observed.collapses.too_many)
    answer = pd.DataFrame(
        {
            "family_a": [a for a, _ in found.pairs],
            "family_b": [b for _, b in found.pairs],
            "synergy": found.synergy,
            "synergy_low": found.low,
            "synergy_high": found.high,
            "q_value": found.q_value,
            "together": found.count,
        }
    )
    learned, lost = succeeded[~succeeded["lost"]], succeeded[succeeded["lost"]]
    counted = {"draws": pairs, "ok": succeeded, "failed": failed, "sound": sound, "collapsed": lost}
    for name, some in counted.items():
        answer[name] = some["pair"].value_counts().reindex(answer.index, fill_value=0)
    ended = answer["sound"] + answer["failed"]
    answer["success_rate"] = answer["sound"] / ended.where(ended > 0)
    scores = learned.groupby("pair")["val_acc"]
    answer["mean_val_acc"], answer["best_val_acc"] = scores.mean(), scores.max()
    answer = answer.assign(size=answer["synergy"].abs())
    answer = answer.sort_values(
        ["q_value", "size", "mean_val_acc"], ascending=[True, False, False], kind="stable"
    )
    answer = answer.reset_index(drop=True)[COLUMNS]
    answer.attrs["note"] = data.observed.note
    return answer if data.space.k > 1 else answer.iloc[:0]
