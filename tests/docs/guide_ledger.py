"""The guide's campaign: drawn by the real sampler, scored by known effects instead of training."""

from pathlib import Path

import numpy as np
from ledger_maker import Maker

from nas.sample import make_sampler
from nas.schema import Record, Status
from nas.space import load

DRAWS = 144
NOISE = 0.012
"""Standard deviation of a candidate's validation accuracy, beyond what is planted."""
EFFECTS = {"convnext": 0.02, "efficientnet": 0.015, "resnet": 0.01, "pit": -0.01, "xcit": -0.025}
"""What a family adds; the others add nothing."""
SYNERGY = (("convnext", "vit"), 0.03)
FAILS = ("starnet", 0.3)
"""A family, and how often a candidate with it runs out of memory."""


def make(path: Path) -> Maker:
    """Writes the ledger; always the same but for its times."""
    space = load("tiny")
    requests = {"dataset": "digits", "sampler": "stratified", "seed": 0, "trials": DRAWS}
    maker = Maker(path, space=space, name="tiny-digits", **requests)
    sampler = make_sampler("stratified", space, 0)
    rng = np.random.default_rng(7)
    records: list[Record] = []
    for number in range(DRAWS):
        drawn = sampler.propose(records)
        assert drawn is not None
        families = drawn.families
        models = [pick.model for pick in drawn.picks]
        mixing = str(dict(drawn.choices)["mixing"])
        pair, synergy = SYNERGY
        worth = sum(EFFECTS.get(family, 0.0) for family in families)
        value = 0.85 + worth + synergy * set(pair).issubset(families) + rng.normal(0, NOISE)
        if FAILS[0] in families and rng.random() < FAILS[1]:
            maker.failed(*models, mixing=mixing, seconds=3.0)
            records.append(Record(number, drawn, 0, Status.OOM))
            continue
        inside = tuple(0.75 + 3 * EFFECTS.get(family, 0.0) for family in families)
        usage = tuple(float(share) for share in rng.dirichlet([8.0] * len(families)))
        score = round(float(value), 4)
        maker.trained(
            *models, val=score, inside=inside, usage=usage, uniform=score - 0.02, mixing=mixing
        )
        records.append(Record(number, drawn, 0, Status.OK, score))
    for family, member in space.members:
        maker.control(member.model, round(0.78 + 3 * EFFECTS.get(family, 0.0), 4))
    maker.store.heartbeat(DRAWS * 12.0)
    maker.store.set_state("done")
    return maker
