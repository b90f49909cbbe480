"""Which candidates are best, and is it the mixture that makes them so?

One row a successful candidate of the search, best validation accuracy first. Accuracies are shares
in [0, 1]; values that were not measured are missing.

number                its place in the sequence of draws, from 0; for `nas show` and `nas export`
key                   identifies the candidate, in every campaign
families              joined by +
gate_<name>           its setting of that choice, if there is more than one
val_acc               validation accuracy; the ranking uses nothing else
lift_over_alone       test_acc − alone_test_acc; missing until all its members' controls ended
experts_used          exp of the entropy of the experts' mean gate weights: 1 where one expert does
                      everything, k where all weigh the same
lift_over_uniform     test_acc − uniform_test_acc: what the gate adds to plain averaging of these
                      experts, which were trained together; one the gate never used learned nothing
test_acc              test accuracy; for the report, not for choosing
val_se                binomial standard error of val_acc, √(p(1−p)/n): leaders closer than that
                      are tied; with 2 right and 2 wrong images more (Agresti and Coull, 1998),
                      so that it is not 0 where all images are right
confirm_val_acc       mean of its retrainings with new seeds (`nas confirm`), without this run,
                      which was selected and so is lucky on average
confirm_sd            their standard deviation (n − 1)
confirm_n             number of retrainings that learned
confirm_test_acc      their mean on test
params                number of parameters
seconds               worker time of all its attempts, in seconds
alone_model           its member that is best alone, by validation
alone_val_acc         of that member trained alone at equal epochs
alone_test_acc        of the same one
uniform_val_acc       of the unweighted mean of the experts' logits
uniform_test_acc      the same on test
oracle_val_acc        share of images that any of its experts gets right: no top-1 router is better
oracle_test_acc       the same on test
members               timm models, in the families' order
collapsed             True if it learned nothing: no better on validation than always answering
                      the most frequent class, while at least half of the campaign is
confirm_collapsed     retrainings that learned nothing, which the means leave out
rank                  1 is best
macs                  multiply-accumulate operations of one image's forward pass
peak_memory_bytes     of training, in bytes
epochs                number of epochs trained
"""

import numpy as np
import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family, control_results, finals, seconds_of, standard_error

COLUMNS = [
    *("lift_over_alone", "experts_used", "lift_over_uniform", "test_acc", "val_se"),
    *("confirm_val_acc", "confirm_sd", "confirm_n", "confirm_test_acc", "params", "seconds", "key"),
    *("alone_model", "alone_val_acc", "alone_test_acc", "uniform_val_acc", "uniform_test_acc"),
    *("oracle_val_acc", "oracle_test_acc", "members", "collapsed", "confirm_collapsed"),
    *("rank", "macs"),
    *("peak_memory_bytes", "epochs"),
]


def table(data: CampaignData) -> pd.DataFrame:
    rows = finals(data)
    rows = rows[rows["outcome"] == "ok"].sort_values(
        ["val_acc", "number"], ascending=[False, True], ignore_index=True
    )
    rows = rows.assign(
        rank=np.arange(1, len(rows) + 1),
        val_se=standard_error(rows["val_acc"], rows["val_images"].astype(float)),
        seconds=rows["candidate"].map(seconds_of(data)),
        experts_used=rows["candidate"].map(_experts_used(data)),
    )
    rows = rows.join(_best_alone(data, rows), on="candidate")
    rows = rows.join(_confirmed(data), on="base_key")
    counts = ["confirm_n", "confirm_collapsed"]
    rows[counts] = rows[counts].fillna(0).astype("int64")
    rows["lift_over_alone"] = rows["test_acc"] - rows["alone_test_acc"]
    rows["lift_over_uniform"] = rows["test_acc"] - rows["uniform_test_acc"]
    several = [choice.name for choice in data.space.choices if len(choice.values) > 1]
    gates = [f"gate_{name}" for name in several]
    return rows[["number", "families", "val_acc", *gates, *COLUMNS]]


def _experts_used(data: CampaignData) -> pd.Series:
    """By candidate, the perplexity of its mean gate weights."""
    inside = data.experts[data.experts["final"]]
    share = inside["usage"] / inside.groupby("attempt")["usage"].transform("sum")
    surprise = -share * np.log(share.where(share > 0, 1.0))
    by_candidate: pd.Series = surprise.groupby(inside["candidate"]).sum()
    return by_candidate.map(np.exp)


def _best_alone(data: CampaignData, rows: pd.DataFrame) -> pd.DataFrame:
    """By candidate, its member that is best alone; no row until all its controls have ended."""
    members = by_family(rows, "candidate").merge(
        control_results(data), on=["family", "model"], how="left"
    )
    ended = members["outcome"].notna().groupby(members["candidate"]).all()
    best = members.sort_values("alone_val_acc", ascending=False).drop_duplicates("candidate")
    best = best.rename(columns={"model": "alone_model"}).set_index("candidate")
    best = best[["alone_model", "alone_val_acc", "alone_test_acc"]]
    return best[best["alone_val_acc"].notna() & ended.reindex(best.index)]


def _confirmed(data: CampaignData) -> pd.DataFrame:
    """By base key, the retrainings with new seeds."""
    rows = finals(data, "confirm")
    rows = rows[rows["outcome"] == "ok"]
    figures = ["val_acc", "test_acc"]
    rows[figures] = rows[figures].mask(rows["collapsed"])
    return rows.groupby("base_key").agg(
        confirm_val_acc=("val_acc", "mean"),
        confirm_sd=("val_acc", "std"),
        confirm_n=("val_acc", "count"),
        confirm_test_acc=("test_acc", "mean"),
        confirm_collapsed=("collapsed", "sum"),
    )
