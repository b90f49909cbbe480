"""The audit of a campaign, read from its ledger."""

from nas.audit import Verdict, audit_of, draws
from nas.ledger import Ledger, history
from nas.sample import SAMPLERS
from nas.spec import Space


def verdict(ledger: Ledger, campaign: str | None = None) -> Verdict:
    """Whether a campaign's draws are fair, the latest campaign's by default.

    Raises ProblemError if there is no such campaign.
    """
    row = ledger.campaign(campaign)
    past = history(ledger, row.name)
    sampler = SAMPLERS.get(row.config.get("sampler", ""))
    learns = sampler.name if sampler and sampler.uses_results else ""
    audit = audit_of(Space.model_validate(row.space), past.phases)
    audit.add(draws(past.records, learns, past.phases, past.benched))
    ended = [past.records[number] for number in past.ended]
    audit.ended(
        [record.assignment for record in ended],
        [bool(record.status and record.status.failed) for record in ended],
    )
    return audit.verdict
