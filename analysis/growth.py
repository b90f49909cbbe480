"""How often did growing networks grow, and are the experts used?

One row an arm whose networks can grow, in the order of the space; an arm with several variants
also has a row for each variant. Runs, means and standard deviations are as in `arms`;
accuracies and shares in [0, 1]. See `growth_events` for each growth and its reason.

arm            the arm
variant        one of its variants; empty for all of them together
runs           number of runs
growths        mean number of growths
grew_once      runs that grew exactly once
first_growth   mean epoch of the first growth, of the runs that grew
experts        mean number of experts at the end
idle           of these, mean number with less than 2 % of the work
least_share    mean over runs of the smallest share of the work, on validation
first_entropy  H(P) / ln E after the first epoch, P the router's mean probabilities on validation;
               missing with one expert
last_entropy   the same at the end: 1 is even use
before_acc     validation accuracy in the epoch before the first growth took effect
mean_val_acc   validation accuracy after the last epoch, of all runs
sd_val_acc
gain           its mean difference from before_acc, of the runs that grew
gain_low       95 % t interval of that mean over runs
gain_high
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import Figure, arm_table, interval, mean, sd
from nas.results.training_events import with_growth

THROUGH = "gain_high"
EMPTY = "No arm's networks can grow (the procedure growth)."


def table(data: CampaignData) -> pd.DataFrame:
    figures = {
        "growths": mean("growths"),
        "grew_once": Figure(lambda runs: int((runs["growths"] == 1).sum()), "Int64"),
        **{name: mean(name) for name in ("first_growth", "experts", "idle", "least_share")},
        **{name: mean(name) for name in ("first_entropy", "last_entropy", "before_acc")},
        "mean_val_acc": mean("val_acc"),
        "sd_val_acc": sd("val_acc"),
        "gain": mean("gain"),
        **interval("gain"),
    }
    runs = arm_runs(data)
    chosen = next((c for c in data.space.choices if c.name == "recipe.procedure"), None)
    if chosen:
        runs = runs[runs["gate_recipe.procedure"] == "growth"] if len(runs) else runs
        growing = set(data.space.arms) if "growth" in chosen.values else set()
    else:
        growing = {
            arm
            for arm, variants in data.space.arms.items()
            if any(data.space.recipe_of(variant).procedure == "growth" for variant in variants)
        }
    rows = arm_table(data, with_growth(data, runs), figures)
    return rows[rows["arm"].isin(growing)].reset_index(drop=True)
