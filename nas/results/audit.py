"""The audit of a campaign, read from its ledger."""

from dataclasses import replace
from typing import Any

from nas.ledger import Ledger
from nas.results.campaign_tables import CampaignTables
from nas.results.observed import assignments_of
from nas.results.outcomes import FAILED
from nas.sample import bias_of
from nas.schema import Record
from nas.stats import NOTHING_DRAWN, AuditResult, audit_of, draws

ARMS = "Arms are compared: every variant is trained once before any is repeated."


def audit_result(ledger: Ledger, campaign: str | None = None) -> AuditResult:
    """Whether a campaign's draws are fair, by default those of `Ledger.campaign`.

    Raises ProblemError if there is no such campaign.
    """
    return audit_campaign(CampaignTables(ledger, ledger.campaign(campaign).name))


def audit_campaign(data: CampaignTables) -> AuditResult:
    """Whether the draws are fair; of a bank that there are none, and of arms that it does not
    matter, unless they are drawn unfairly."""
    if data.config.bank:
        return NOTHING_DRAWN
    rows = data.candidates
    rows = rows[rows["role"] == "search"].sort_values("number", ignore_index=True)
    assignments = assignments_of(rows)
    records = [
        Record(number, assignment, phase)
        for number, assignment, phase in zip(
            rows["number"].tolist(), assignments, rows["phase"].tolist(), strict=True
        )
    ]
    bias = bias_of(data.config.sampler)
    phases, benched = _noted(data, "phase"), _noted(data, "benched")
    audit = audit_of(data.space, phases)
    audit.add(draws(records, bias, phases, benched))
    ended = rows[rows["outcome"].notna()].sort_values(["finished_at", "number"])
    audit.ended(
        [assignments[place] for place in ended.index], ended["outcome"].isin(FAILED).tolist()
    )
    found = audit.verdict
    if data.space.arms and found.verdict == "fair":
        return replace(found, verdict="none", why=ARMS)
    return found


def _noted(data: CampaignTables, kind: str) -> list[dict[str, Any]]:
    return list(data.events.loc[data.events["kind"] == kind, "data"])
