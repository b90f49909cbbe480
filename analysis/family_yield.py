"""Which families earn their place?

One row a family of the space, best mean first; candidates of the search only. Accuracies, rates
and shares in [0, 1]; a candidate counts for each of its families. Means are over the ok candidates:
where `pruned` is not 0 (early stopping), those are the survivors, and families are not comparable.

family
draws                 candidates drawn with it
ok                    of those, trained to their end
success_rate          ok / (ok + failed)
mean_val_acc          of the ok candidates with it
difference            mean_val_acc less the mean of the ok candidates without it
alone_val_acc         of its members trained alone at equal epochs, mean over their controls
lift_over_own         mean over its ok candidates of test_acc less that of the family's own member
                      alone: what being mixed with others gives it
pruned                stopped early by the scheduler: neither a success nor a failure
best_val_acc
mean_expert_val_acc   of the family's own logits inside the mixtures
usage                 mean gate weight on validation; 1/k is an even share
failed                failed: invalid, oom, timeout, nan, crash or killed
open                  without a final result yet: running, interrupted, or to be tried again
success_low           95 % Wilson interval of success_rate
success_high
median_val_acc
seconds               worker time of all attempts with it, failed ones too
seconds_per_success   seconds / ok
benched               True once it was taken out for failing
members               how many it has in the space
"""

from typing import Any

import pandas as pd
from pandas.api.typing import SeriesGroupBy

from nas.analyse import Frames
from nas.analyse.measures import FAILED, alone, by_family, finals, seconds_of, wilson

COLUMNS = [
    *("family", "draws", "ok", "success_rate", "mean_val_acc", "difference"),
    *("alone_val_acc", "lift_over_own", "pruned", "usage", "best_val_acc", "mean_expert_val_acc"),
    *("failed", "open", "success_low", "success_high", "median_val_acc", "seconds"),
    *("seconds_per_success", "benched", "members"),
]


def table(frames: Frames) -> pd.DataFrame:
    drawn = frames.candidates[frames.candidates["role"] == "search"]
    drawn = drawn.assign(seconds=drawn["candidate"].map(seconds_of(frames)).fillna(0.0))
    drawn = by_family(drawn, "outcome", "seconds")
    ok = finals(frames).query("outcome == 'ok'")
    ok = by_family(ok, "candidate", "val_acc", "test_acc")
    controls = alone(frames)
    ok = ok.merge(controls[["model", "alone_test_acc"]], on="model", how="left")
    ok["lift"] = ok["test_acc"] - ok["alone_test_acc"]
    inside = frames.experts[frames.experts["final"] & (frames.experts["role"] == "search")]

    families = pd.Index(frames.space.families, name="family")
    answer = pd.DataFrame(index=families)
    answer["draws"] = drawn.groupby("family").size()
    answer["ok"] = drawn[drawn["outcome"] == "ok"].groupby("family").size()
    answer["failed"] = drawn[drawn["outcome"].isin(FAILED)].groupby("family").size()
    answer["pruned"] = drawn[drawn["outcome"] == "pruned"].groupby("family").size()
    answer["open"] = drawn[drawn["outcome"].isna()].groupby("family").size()
    counts = ["draws", "ok", "failed", "pruned", "open"]
    answer[counts] = answer[counts].fillna(0).astype("int64")
    ended = answer["ok"] + answer["failed"]
    answer["success_rate"] = answer["ok"] / ended.where(ended > 0)
    answer["success_low"], answer["success_high"] = wilson(answer["ok"], ended)
    values = ok.groupby("family")["val_acc"]
    answer["mean_val_acc"] = values.mean()
    answer["median_val_acc"] = values.median()
    answer["best_val_acc"] = values.max()
    answer["difference"] = _difference(values, ok)
    answer["mean_expert_val_acc"] = inside.groupby("family")["val_acc"].mean()
    answer["alone_val_acc"] = controls.groupby("family")["alone_val_acc"].mean()
    answer["lift_over_own"] = ok.groupby("family")["lift"].mean()
    answer["usage"] = inside.groupby("family")["usage"].mean()
    answer["seconds"] = drawn.groupby("family")["seconds"].sum()
    answer["seconds"] = answer["seconds"].fillna(0.0)
    answer["seconds_per_success"] = answer["seconds"] / answer["ok"].where(answer["ok"] > 0)
    benched = frames.events[frames.events["kind"] == "benched"]["family"]
    answer["benched"] = families.isin(benched)
    members = frames.space.experts.families if frames.space.experts else {}
    answer["members"] = [len(members[family]) for family in families]
    answer = answer.sort_values(["mean_val_acc", "draws"], ascending=False, kind="stable")
    return answer.reset_index()[COLUMNS]


def _difference(values: "SeriesGroupBy[Any, Any]", ok: pd.DataFrame) -> pd.Series:
    """Mean with a family less mean without it; missing where either has no candidate."""
    every = ok.drop_duplicates("candidate")["val_acc"]
    n, total = values.count(), values.sum()
    others = len(every) - n
    return total / n - (every.sum() - total) / others.where(others > 0)
