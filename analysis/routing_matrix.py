"""Which expert do the images of each domain go to, and how good is it there?

One row a domain and expert, of each variant whose experts are meant for domains of classes (the
procedure domain_experts), after the last phase, on validation: all its runs together.

variant     its arm, or the variant of it
domain      from 0
expert      from 0; expert d is meant for domain d
images      of the domain, in all runs
sent_share  the share of them that the router sends to the expert: adds up to 1 over experts
expert_acc  accuracy of the expert on all of them
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.domain_routing import routing_matrices

EMPTY = "No run has experts that are meant for domains (the procedure domain_experts)."


def table(data: CampaignData) -> pd.DataFrame:
    return routing_matrices(data, arm_runs(data))
