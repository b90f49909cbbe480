"""What a campaign would draw, written to no ledger."""

from collections.abc import Iterator
from typing import Any

from nas.campaign.config import CampaignConfig
from nas.campaign.probing import classes_of, conditions_for, feasible
from nas.campaign.proposals import Proposer
from nas.ledger import CampaignStore, Drawn, Ledger, Owner, probe_digest
from nas.render import check_space
from nas.sample import make_sampler
from nas.spec import Record, Space


def dry_run(
    space: Space,
    config: CampaignConfig,
    trials: int,
    *,
    ledger: Ledger | None = None,
    after: str | None = None,
) -> Iterator[Drawn]:
    """The next `trials` candidates, fewer if the space ends; nothing is written.

    `ledger`, opened for reading, lends its probe cache; `after` names a campaign in it to go on
    from. The data set need not be there, if its number of classes is known all the same. A sampler
    that learns from results sees the drawn ones as unfinished.
    """
    check_space(space)
    classes = classes_of(config)
    under = conditions_for(space, config, classes)
    cached = ledger.probes_under(under) if ledger else {}
    members = [member for _, member in space.members]
    probes = {m.model: p for m in members if (p := cached.get(probe_digest(under, m)))}
    allowed = feasible(space, probes)
    proposer = Proposer(
        allowed,
        config.task,
        make_sampler(config.sampler, allowed, config.seed),
        probes,
        num_classes=classes,
        bench_after=config.bench_after,
    )
    records: list[Record] = []
    if ledger and after:
        store = CampaignStore(ledger, ledger.campaign(after).id, Owner.me())
        records = store.records()
    for _ in range(trials):
        drawn = proposer(records)
        if drawn is None:
            return
        records.append(Record(len(records), drawn.candidate.assignment, drawn.phase))
        yield drawn


def as_json(drawn: Drawn) -> dict[str, Any]:
    """A drawn candidate in plain data; `memory_bytes` is None unless every probe is cached."""
    candidate, cost = drawn.candidate, drawn.cost
    return {
        "key": candidate.key,
        "families": list(candidate.families),
        "members": [expert.member.model for expert in candidate.experts],
        "gate": dict(sorted(candidate.choices.items())),
        "params": cost.params if cost else None,
        "macs": cost.macs if cost else None,
        "memory_bytes": cost.memory_bytes if cost else None,
    }
