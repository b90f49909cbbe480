"""The audit of a running campaign, updated whenever a candidate ends."""

from collections.abc import Sequence

from nas.ledger import CampaignStore
from nas.schema import Record, Space
from nas.stats import AuditResult, audit_of, draws


class AuditWatch:
    """Tests a campaign's draws, including those of earlier runs, and records each finding once."""

    def __init__(self, store: CampaignStore, space: Space, bias: str) -> None:
        """`space`: the campaign's, without exclusions; `bias`: why its sampler's draws are not
        meant to be fair, or empty."""
        self._store = store
        self._bias = bias
        self._audit = audit_of(space, store.events("phase"))
        self._seen = 0
        self._ended: set[int] = set()
        self._announced = {event["family"] for event in store.events("failing")}
        self._flagged = bool(store.events("coverage"))

    def update(self, records: Sequence[Record]) -> tuple[AuditResult, list[str]]:
        """Adds the new records. Returns the audit of all draws so far, and a line for each new
        finding."""
        new = records[self._seen :]
        if new:
            # Another driver may have started a phase or benched a family meanwhile.
            phases, benched = self._store.events("phase"), self._store.events("benched")
            self._audit.add(draws(new, self._bias, phases, benched))
            self._seen = len(records)
        ended = [r for r in records if r.status and r.number not in self._ended]
        self._ended.update(record.number for record in ended)
        self._audit.ended(
            [record.assignment for record in ended],
            [bool(record.status and record.status.failed) for record in ended],
        )
        audit = self._audit.verdict
        return audit, list(self._note(audit))

    def _note(self, audit: AuditResult) -> list[str]:
        lines = []
        if audit.verdict == "biased" and not self._flagged:
            self._flagged = True
            self._store.event("coverage", flagged_at=audit.flagged_at, why=audit.why)
            lines.append(audit.line)
        for family, why in audit.failing.items():
            if family not in self._announced:
                self._announced.add(family)
                self._store.event("failing", family=family, why=why)
                lines.append(f"{why}: see `nas report failures`")
        return lines
