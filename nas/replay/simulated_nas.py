"""The same 28 days with nas: stratified draws, a ledger, and profiles before training.

The sampler and the audit are nas's own. A candidate ends as in the published campaign, except for
nas's defaults: a candidate that does not fit into memory is refused before any GPU time, a family
whose last six candidates all failed is excluded, no candidate is drawn twice, and each family is
trained once alone, as a control.
"""

import numpy as np

from nas.replay import published as p
from nas.replay.airnet import FAILURE
from nas.replay.simulation import SimulatedCampaign
from nas.sample import make_sampler
from nas.schema import Phase, Record, Status
from nas.stats import Audit, draws

BENCH_AFTER = 6
CONTROLS = len(p.FAMILIES)
"""One per family, each charged like a whole candidate."""


def simulate_nas(seed: int, trainings: int = p.RUN) -> SimulatedCampaign:
    """One campaign with the GPU time of `trainings` candidates, controls included."""
    sampler = make_sampler("stratified", p.SPACE, seed)
    luck = np.random.default_rng([seed, p.RUN])
    place: dict[tuple[str, ...], int] = {quartet: at for at, quartet in enumerate(p.QUARTETS)}
    records: list[Record] = []
    tried: list[int] = []
    ok: list[bool] = []
    benched: list[dict[str, str | int]] = []
    phase = Phase()
    while len(tried) < trainings - CONTROLS:
        assignment = sampler.propose(records, phase)
        if assignment is None:
            break
        if p.HEAVY in assignment.families:
            status = Status.INVALID
            # Refused every time: all its candidates so far have failed, in a row.
            if len(records) - len(tried) + 1 == BENCH_AFTER:
                benched = [{"family": p.HEAVY, "drawn": len(records) + 1}]
                phase = Phase(excluded=frozenset({p.HEAVY}))
        else:
            ok.append(bool(luck.random() >= FAILURE))
            tried.append(place[assignment.families])
            status = Status.OK if ok[-1] else Status.OOM
        records.append(Record(len(records), assignment, status=status))
    audit = Audit(p.SPACE)
    audit.add(draws(records, "", (), benched))
    return SimulatedCampaign(
        np.array(tried), np.array(ok), audit.verdict, refused=len(records) - len(tried)
    )
