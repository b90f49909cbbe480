"""When did each network grow, and why?

One row a growth, in the order of the runs; runs and accuracies as in `growth`.

number    the run's number among those of its role, from 0
variant   its arm, or the variant of it
role      search, or replicate
epoch     after which it grew
val_acc   validation accuracy of that epoch
expert    position from 0 of the expert that was split, or beside which a new one was put
experts   how many there are afterwards
reason    why
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.training_events import details, training_events_of

THROUGH = "reason"
EMPTY = "No network has grown."

KINDS = {
    "number": "int64",
    "variant": "str",
    "role": "str",
    "epoch": "int64",
    "val_acc": "float64",
    "expert": "int64",
    "experts": "int64",
    "reason": "str",
}


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data)
    names = runs[["candidate", "number", "members"]].rename(columns={"members": "variant"})
    events = training_events_of(data, runs, "growth").merge(names, on="candidate")
    events = events.join(details(events, ["expert", "experts", "val_acc"]))
    return events[list(KINDS)].astype(KINDS)
