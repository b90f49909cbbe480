"""Which pairs of families do better together than each does on average?

One row a pair of the space's families, largest excess first; candidates of the search only. Means
over few candidates are noise: look at `ok` before at `excess`.

family_a, family_b    sorted by name
excess                mean_val_acc − expected_val_acc
ok                    candidates with both, trained to their end
mean_val_acc          of those, in [0, 1]
expected_val_acc      mean_a + mean_b − overall mean of the ok candidates: what the pair would score
                      if its families' effects simply added up
draws                 candidates drawn with both
failed                of those, failed
success_rate          ok / (ok + failed)
best_val_acc
"""

from itertools import combinations

import pandas as pd

from nas.analyse import Frames
from nas.analyse.measures import FAILED, by_family

COLUMNS = [
    *("family_a", "family_b", "excess", "ok", "mean_val_acc", "expected_val_acc"),
    *("draws", "failed", "success_rate", "best_val_acc"),
]


def table(frames: Frames) -> pd.DataFrame:
    drawn = frames.candidates[frames.candidates["role"] == "search"]
    long = by_family(drawn, "candidate", "outcome", "val_acc").drop(columns="model")
    ok = long[long["outcome"] == "ok"]
    overall = ok.drop_duplicates("candidate")["val_acc"].mean()
    mean = ok.groupby("family")["val_acc"].mean()

    pairs = long.merge(long[["candidate", "family"]], on="candidate", suffixes=("_a", "_b"))
    pairs = pairs[pairs["family_a"] < pairs["family_b"]]
    together = pairs.groupby(["family_a", "family_b"])
    succeeded = pairs[pairs["outcome"] == "ok"].groupby(["family_a", "family_b"])
    failed = pairs[pairs["outcome"].isin(FAILED)].groupby(["family_a", "family_b"])

    every = (
        pd.MultiIndex.from_tuples(
            list(combinations(frames.space.families, 2)), names=["family_a", "family_b"]
        )
        if len(frames.space.families) > 1
        else together.size().index
    )
    answer = pd.DataFrame(index=every)
    for name, group in (("draws", together), ("ok", succeeded), ("failed", failed)):
        answer[name] = group.size().reindex(every, fill_value=0).astype("int64")
    ended = answer["ok"] + answer["failed"]
    answer["success_rate"] = answer["ok"] / ended.where(ended > 0)
    answer["mean_val_acc"] = succeeded["val_acc"].mean()
    a, b = (every.get_level_values(level) for level in ("family_a", "family_b"))
    answer["expected_val_acc"] = mean.reindex(a).to_numpy() + mean.reindex(b).to_numpy() - overall
    answer["excess"] = answer["mean_val_acc"] - answer["expected_val_acc"]
    answer["best_val_acc"] = succeeded["val_acc"].max()
    answer = answer.sort_values("excess", ascending=False, kind="stable").reset_index()
    return answer[COLUMNS]
