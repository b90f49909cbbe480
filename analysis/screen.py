"""Which mixtures of the bank's experts score best, over the whole space?

One row a mixture, best probe first, then best uniform average; scores are of validation, of experts
that were trained apart and never together (`nas screen`). Accuracies in [0, 1].

families              joined by +
uniform               of the plain average of the experts' logits
probe                 with a linear probe on all experts' features beside the average, fitted on
                      held-out training images: what short fine-tuning does, to first order; missing
                      where none was fitted
gate                  with a gate fitted there
static                with static weights fitted there (ensemble selection)
oracle                share of images any expert gets right: the bound of hard top-1 routing
best_member           of the best expert alone
uniform_test          on test; for the report, not for choosing
probe_test
gate_test
static_test
uniform_loss          cross-entropy in nats
probe_loss
gate_loss
static_loss
params                parameters of its experts
latency               seconds of one image, its experts one after another, where they were trained
members               timm models, in the families' order
rank                  by the uniform average, 1 is best
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.screens import screen

COLUMNS = [
    *("families", "uniform", "probe", "gate", "static", "oracle", "best_member", "uniform_test"),
    *("probe_test", "gate_test", "static_test", "uniform_loss", "probe_loss", "gate_loss"),
    *("static_loss", "params", "latency", "members", "rank"),
]


def table(frames: CampaignData) -> pd.DataFrame:
    rows, note = screen(frames)
    rows = rows.sort_values(["probe", "uniform", "rank"], ascending=[False, False, True])
    answer = rows[COLUMNS].reset_index(drop=True)
    answer.attrs["note"] = note
    return answer
