"""Which families earn their place?

One row a family of the space, best first; candidates of the search only. Accuracies, rates and
shares in [0, 1]; a candidate counts for each of its families.

family                as the space names it
draws                 candidates drawn with it
ok                    of those, trained to their end
reason                the reason for the advice
success_rate          (ok + pruned) / (ok + pruned + failed)
collapse_rate         collapsed runs / runs that can be compared. A run has collapsed if it is no
                      better on validation than always answering the most frequent class (one-sided
                      binomial test at 1 %), while at least half of the campaign's runs are
mean_val_acc          of the ok candidates with it that learned; its partners contribute to it
effect                change in validation accuracy when it replaces an average family, with
                      partners, members and settings held equal: least squares on all
                      candidates that learned; missing if more than a quarter of its runs collapsed
effect_low            heteroscedasticity-robust (HC2) 95 % interval of the effect, corrected for
                      interactions of pairs: it contains the true effect 95 times in 100
effect_high
advice                drop if the whole interval is below −1 point, keep if it is above, else needs
                      N more draws, or cannot tell: `nas.stats.advice`; also drop if it fails or
                      collapses significantly more often than the rest, in over half of its runs
alone_val_acc         of its members trained alone at equal epochs, mean over their controls
lift_over_own         mean over its ok candidates that learned of test_acc minus that of the
                      family's own member alone: what mixing adds to it
pruned                stopped early by the scheduler: neither a success nor a failure
usage                 mean gate weight on validation; 1/k is an even share
best_val_acc          of the ok candidates with it that learned
mean_expert_val_acc   of the family's own expert inside the mixtures, by its own logits
failed                failed: invalid, oom, timeout, nan, crash or killed
open                  without a final result yet: running, interrupted, or waiting for a retry
collapsed             runs that collapsed
success_low           95 % Wilson interval of success_rate
success_high
collapse_low          95 % Wilson interval of collapse_rate
collapse_high
median_val_acc        of the ok candidates with it that learned
device_hours          hours of all attempts with it, failed ones too; part of a GPU counts in part
device_hours_per_success  hours per ok candidate
benched               True once it was excluded for failing
members               number of its members in the space
rank                  1 is best, by effects shrunken towards zero; only of families with an effect
not_estimable         why it has no effect; empty if it has one

Means, effects and lifts are of runs that learned. With early stopping, effects and collapses are on
the accuracy at the first rung, the epoch at which all candidates can be compared; means are over
the survivors. Effects are about candidates that fit the device.
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family, control_results, device_hours, learned, wilson
from nas.results.collapse import MajorityClass
from nas.results.outcomes import FAILED
from nas.stats import Advice, advise, family_effects

EMPTY = "The space has no families."

COLUMNS = [
    *("family", "mean_val_acc", "effect", "effect_low", "effect_high", "advice"),
    *("draws", "ok", "success_rate", "collapse_rate", "reason", "alone_val_acc", "lift_over_own"),
    *("pruned", "usage", "best_val_acc", "mean_expert_val_acc", "failed", "open", "collapsed"),
    *(
        "success_low",
        "success_high",
        "collapse_low",
        "collapse_high",
        "median_val_acc",
        "device_hours",
        "device_hours_per_success",
    ),
    *("benched", "members", "rank", "not_estimable"),
]


def table(data: CampaignData) -> pd.DataFrame:
    drawn = data.candidates[data.candidates["role"] == "search"]
    drawn = drawn.assign(hours=drawn["candidate"].map(device_hours(data)).fillna(0.0))
    drawn = by_family(drawn, "outcome", "hours")
    ok = by_family(learned(data), "candidate", "val_acc", "test_acc")
    controls = control_results(data)
    ok = ok.merge(controls[["model", "alone_test_acc"]], on="model", how="left")
    ok["lift"] = ok["test_acc"] - ok["alone_test_acc"]
    inside = data.experts[data.experts["final"]]
    inside = inside[inside["candidate"].isin(ok["candidate"])]

    families = pd.Index(data.space.families, name="family")
    answer = pd.DataFrame(index=families)
    answer["draws"] = drawn.groupby("family").size()
    answer["ok"] = drawn[drawn["outcome"] == "ok"].groupby("family").size()
    answer["failed"] = drawn[drawn["outcome"].isin(FAILED)].groupby("family").size()
    answer["pruned"] = drawn[drawn["outcome"] == "pruned"].groupby("family").size()
    answer["open"] = drawn[drawn["outcome"].isna()].groupby("family").size()
    counts = ["draws", "ok", "failed", "pruned", "open"]
    answer[counts] = answer[counts].fillna(0).astype("int64")
    sound = answer["ok"] + answer["pruned"]
    ended = sound + answer["failed"]
    answer["success_rate"] = sound / ended.where(ended > 0)
    answer["success_low"], answer["success_high"] = wilson(sound, ended)
    values = ok.groupby("family")["val_acc"]
    answer["mean_val_acc"] = values.mean()
    answer["median_val_acc"] = values.median()
    answer["best_val_acc"] = values.max()
    answer["mean_expert_val_acc"] = inside.groupby("family")["val_acc"].mean()
    answer["alone_val_acc"] = controls.groupby("family")["alone_val_acc"].mean()
    answer["lift_over_own"] = ok.groupby("family")["lift"].mean()
    answer["usage"] = inside.groupby("family")["usage"].mean()
    answer["device_hours"] = drawn.groupby("family")["hours"].sum()
    answer["device_hours"] = answer["device_hours"].fillna(0.0)
    successes = answer["ok"].where(answer["ok"] > 0)
    answer["device_hours_per_success"] = answer["device_hours"] / successes
    benched = data.events[data.events["kind"] == "benched"]["family"]
    answer["benched"] = families.isin(benched)
    answer["members"] = [len(data.space.groups[family]) for family in families]
    answer = answer.join(_effects(data)).join(_collapses(data))
    advised = _advice(data, answer)
    answer["advice"] = [str(advice) for advice in advised]
    answer["reason"] = [advice.reason for advice in advised]
    answer = answer.sort_values(
        ["rank", "mean_val_acc", "draws"], ascending=[True, False, False], kind="stable"
    )
    answer = answer.astype(dict.fromkeys(("advice", "not_estimable", "reason"), "str"))
    answer = answer.reset_index()[COLUMNS]
    answer.attrs["note"] = data.observed.note
    return answer


def _advice(data: CampaignData, rows: pd.DataFrame) -> list[Advice]:
    failing, collapsing = data.verdict.failing, data.observed.collapses.more
    return [
        advise(
            results=row["results"],
            effect=row["effect"],
            low=row["effect_low"],
            high=row["effect_high"],
            success_rate=row["success_rate"],
            success_high=row["success_high"],
            fails=failing.get(family, ""),
            collapses=collapsing.get(family, ""),
            learned_high=1 - row["collapse_low"],
            not_estimable=row["not_estimable"],
            never_estimable=row["never_estimable"],
        )
        for family, row in zip(rows.index, rows.to_dict("records"), strict=True)
    ]


def _effects(data: CampaignData) -> pd.DataFrame:
    seen = data.observed.observations
    found = family_effects(seen, data.observed.collapses.too_many)
    return pd.DataFrame(
        {
            "effect": found.effect,
            "effect_low": found.low,
            "effect_high": found.high,
            "not_estimable": found.not_estimable,
            "rank": pd.Series(found.rank, dtype="Int64").array,
            "results": seen.counts,
            "never_estimable": found.never_estimable,
        },
        index=pd.Index(found.families, name="family"),
    )


def _collapses(data: CampaignData) -> pd.DataFrame:
    found = data.observed.collapses
    answer = pd.DataFrame(index=pd.Index(found.families, name="family"))
    answer["collapsed"] = found.collapsed
    runs = pd.Series(found.runs, index=answer.index)
    if not MajorityClass.of(data.inputs).can_tell:
        runs[:] = 0  # of which anything is known
    answer["collapse_rate"] = answer["collapsed"] / runs.where(runs > 0)
    answer["collapse_low"], answer["collapse_high"] = wilson(answer["collapsed"], runs)
    return answer
