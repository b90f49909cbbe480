"""Which mixtures of the bank's experts score best, over the whole space?

One row a mixture, best probe first, then best uniform average. Scores are validation accuracies in
[0, 1], of experts that were trained separately (`nas screen`).

families              joined by +
uniform               of the plain average of the experts' logits
probe                 of the average plus a linear probe on all experts' features, fitted on
                      held-out training images: what short fine-tuning does, to first order; missing
                      where none was fitted
gate                  with a gate fitted on the same images
static                with static weights fitted on the same images (ensemble selection)
oracle                share of images that any expert gets right: the bound of hard top-1 routing
best_member           of the best expert alone
uniform_test          the same on test; for the report, not for choosing
probe_test
gate_test
static_test
uniform_loss          validation cross-entropy in nats
probe_loss
gate_loss
static_loss
params                number of parameters of its experts
latency               seconds for one image, its experts one after another, on the device that they
                      were trained on
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


def table(data: CampaignData) -> pd.DataFrame:
    rows, note = screen(data)
    rows = rows.sort_values(["probe", "uniform", "rank"], ascending=[False, False, True])
    answer = rows[COLUMNS].reset_index(drop=True)
    answer.attrs |= {"note": note, "of": "screen"}
    return answer
