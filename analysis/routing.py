"""Does a router find the right expert, and what does it cost where it does not?

One row an arm and phase of its training, in the order of the space, of arms whose experts are meant
for domains of classes (the procedure domain_experts); an arm with several variants also has rows
for each variant. At the end of a phase, on validation. Runs and means are as in `arms`;
accuracies and shares in [0, 1]. They are of numbers of images: in each run
`top1_acc = right_rate · right_acc + (1 − right_rate) · wrong_acc` exactly.

arm                the arm
variant            one of its variants; empty for all of them together
phase              experts, router, joint or all_classes
runs               number of runs
top1_acc           accuracy of the expert that the router ranks first
domain_oracle_acc  accuracy if every image went to the expert of its domain
any_oracle_acc     share of images that at least one expert classifies correctly
gap_domain         domain_oracle_acc − top1_acc
gap_domain_low     95 % t interval of that difference over runs
gap_domain_high
gap_any            any_oracle_acc − top1_acc
right_rate         r, the share of images that go to the expert of their domain
largest_rate       share of the images that are of the largest domain: so often right is a router
                   that sends all of them to one expert
right_acc          a_right, accuracy on those
wrong_acc          a_wrong, accuracy on the others; missing where there are none
specialisation     an expert's accuracy on its own domain − its mean on the others, over experts
gradient_cosine    of the gradients that two domains give the shared stem, mean over pairs: below 0
                   they contradict each other
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import arm_table, interval, mean
from nas.results.domain_routing import phase_figures

THROUGH = "wrong_acc"
EMPTY = "No run has experts that are meant for domains (the procedure domain_experts)."

FIGURES = {
    **{name: mean(name) for name in ("top1_acc", "domain_oracle_acc", "any_oracle_acc")},
    "gap_domain": mean("gap_domain"),
    **interval("gap_domain"),
    **{name: mean(name) for name in ("gap_any", "right_rate", "largest_rate")},
    **{name: mean(name) for name in ("right_acc", "wrong_acc")},
    **{name: mean(name) for name in ("specialisation", "gradient_cosine")},
}


def table(data: CampaignData) -> pd.DataFrame:
    return arm_table(data, phase_figures(data, arm_runs(data)), FIGURES, by={"phase": "str"})
