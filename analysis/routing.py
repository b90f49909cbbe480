"""Does a router find the right expert, and what does it cost where it does not?

One row an arm and phase of its training, in the order of the space, of arms whose experts are meant
for domains of classes (the procedure domain_experts); an arm with several variants also has rows
for each variant. At the end of a phase, on validation. Runs and means are as in `arms`;
accuracies and shares in [0, 1]. By numbers of images, so that in each run
top1_acc = routed_right · acc_right + (1 − routed_right) · acc_wrong exactly.

arm              the arm
variant          one of its variants; empty for all of them together
phase            experts, router, joint or all_classes
runs             number of runs
top1_acc         accuracy of the expert that the router ranks first
domain_oracle    accuracy if every image went to the expert of its domain
any_oracle       share of images that at least one expert classifies correctly
domain_gap       domain_oracle − top1_acc
domain_gap_low   95 % t interval of that difference over runs
domain_gap_high
any_gap          any_oracle − top1_acc
routed_right     r, the share of images that go to the expert of their domain
acc_right        a_right, accuracy on those
acc_wrong        a_wrong, accuracy on the others; missing where there are none
specialisation   accuracy of experts on their own domain − on the others, mean over experts
gradient_cosine  of the gradients that two domains give the shared stem, mean over pairs: below 0
                 they contradict each other
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import mean_interval
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import Figure, arm_table, mean
from nas.results.domain_routing import phase_figures

MEANS = (
    *("top1_acc", "domain_oracle", "any_oracle", "domain_gap"),
    *("any_gap", "routed_right", "acc_right", "acc_wrong", "specialisation", "gradient_cosine"),
)


def table(data: CampaignData) -> pd.DataFrame:
    figures = {name: mean(name) for name in MEANS}
    ends = {
        "domain_gap_low": Figure(lambda runs: mean_interval(runs["domain_gap"])[1]),
        "domain_gap_high": Figure(lambda runs: mean_interval(runs["domain_gap"])[2]),
    }
    at = MEANS.index("domain_gap") + 1
    names = [*MEANS[:at], *ends, *MEANS[at:]]
    ordered = {name: (figures | ends)[name] for name in names}
    return arm_table(data, phase_figures(data, arm_runs(data)), ordered, by={"phase": "str"})
