"""A campaign's summary from a few aggregated queries: for `nas status` and the live display.

It needs no pandas, torch or Ray, and is fast at any size: it reads counts, not rows.
"""

from collections import Counter
from contextlib import suppress

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session, aliased

from nas.ledger import models as m
from nas.ledger.assignments import VARIANT
from nas.ledger.drivers import is_running, silent_seconds
from nas.ledger.ledger import Ledger
from nas.ledger.records import CampaignRecord
from nas.schema import DRIVER, Frozen, ProblemError, Role, Status, model_label
from nas.schema.progress import PROGRESS, Progress


class Running(Frozen):
    """An attempt that is running."""

    attempt: int
    key: str
    role: str
    number: int
    families: str
    label: str
    """See `nas.schema.model_label`."""
    epoch: int
    """The last finished one; 0 before the first."""
    epochs: int
    """Epochs in the recipe."""
    val_acc: float | None
    """Of the last finished epoch."""
    within: float = 0.0
    """The share of the running epoch that is done, in [0, 1]; 0 if its worker reports none."""
    since: float
    """Seconds since 1970-01-01 UTC."""


class Best(Frozen):
    """The best candidate of a campaign."""

    key: str
    number: int
    families: str
    label: str
    """See `nas.schema.model_label`."""
    val_acc: float


class Summary(Frozen):
    """A campaign's configuration, progress and state. Durations in seconds."""

    campaign: str
    state: str
    """running, stopped (resumable) or done."""
    alive: bool
    """Whether a driver works on it now."""
    silent_seconds: float | None
    """Since a driver's last sign of life; None before the first one."""
    space: str
    dataset: str
    sampler: str
    budget_seconds: float | None
    trials: int | None
    worked_seconds: float
    drawn: int
    """Candidates of the search so far."""
    subsets: int
    """Number of sets of families in the space."""
    planned_runs: int | None
    """Candidates of the search and replicates in all, as far as is known: those that failed have no
    replicates. None for a space without arms, which no campaign is meant to exhaust."""
    counts: dict[str, dict[str, int]]
    """Candidates by role, then by final outcome; `open` counts those without one."""
    failures: dict[str, int]
    """Failed attempts of all roles by outcome, retries included; not those whose driver died."""
    benched: tuple[str, ...]
    """Families excluded so far because they failed."""
    biased: str | None
    """Why the draw is biased, once the running audit rejects; None otherwise."""
    failing: tuple[str, ...]
    """Families with more failed candidates than chance explains, with the numbers."""
    success_rate: float | None
    """Share of ended candidates that did not fail (ok or stopped early); None before any ended."""
    running: tuple[Running, ...]
    best: Best | None
    per_hour: float | None
    """Finished candidates of the search per working hour; None before the first."""
    eta_seconds: float | None
    """Until the budget is spent or all trials and their replicates ended, whichever is first; None
    if unknown."""

    @property
    def ended_runs(self) -> int:
        """Candidates of the search and replicates that have an outcome."""
        return _ended(self.counts[Role.SEARCH]) + _ended(self.counts[Role.REPLICATE])


def summary(ledger: Ledger, campaign: str | None = None) -> Summary:
    """The summary of a campaign, by default of `Ledger.campaign()`; ProblemError if none exists."""
    row = ledger.campaign(campaign)
    with ledger.session() as session:
        counts = _counts(session, row.id)
        failures = _failures(session, row.id)
        benched = _benched(session, row.id)
        coverage, failing = (None, ()) if row.config.bank else _audited(session, row.id)
        running = _running(ledger, session, row.id)
        best = best_of(session, row.id)
        alive = is_running(session, row)
    search = counts[Role.SEARCH]
    drawn = sum(search.values())
    finished = _ended(search)
    sound = search.get(Status.OK, 0) + search.get(Status.PRUNED, 0)
    failed = sum(n for s, n in search.items() if _failed(s))
    rate = finished / row.worked_seconds if finished and row.worked_seconds > 0 else None
    return Summary(
        campaign=row.name,
        state="running" if alive else row.state,
        alive=alive,
        silent_seconds=silent_seconds(row),
        space=row.space.name,
        dataset=row.config.dataset,
        sampler=row.config.sampler,
        budget_seconds=row.config.budget_seconds,
        trials=row.config.trials,
        worked_seconds=row.worked_seconds,
        drawn=drawn,
        subsets=row.space.subsets,
        planned_runs=_planned_runs(row, search),
        counts=counts,
        failures=failures,
        benched=benched,
        biased=coverage,
        failing=failing,
        success_rate=sound / (sound + failed) if sound + failed else None,
        running=running,
        best=best,
        per_hour=None if rate is None else 3600 * rate,
        eta_seconds=_eta(row, counts),
    )


def _failed(outcome: str) -> bool:
    return outcome != "open" and Status(outcome).failed


def _eta(row: CampaignRecord, counts: dict[str, dict[str, int]]) -> float | None:
    config, worked, search = row.config, row.worked_seconds, counts[Role.SEARCH]
    ends = []
    if config.budget_seconds is not None:
        ends.append(max(0.0, config.budget_seconds - worked))
    trained, again = _ended(search), _ended(counts[Role.REPLICATE])
    if config.trials is not None and trained and worked > 0:
        left = max(0, config.trials - trained)
        # Only what succeeds is repeated, in the share of before.
        share = search.get(Status.OK, 0) / trained
        planned = (row.space.replicates - 1) * (search.get(Status.OK, 0) + share * left)
        ends.append((left + max(0.0, planned - again)) * worked / (trained + again))
    return min(ends) if ends else None


def _planned_runs(row: CampaignRecord, search: dict[str, int]) -> int | None:
    if not row.space.arms:
        return None
    points = row.space.points
    limit = points if row.config.trials is None else min(points, row.config.trials)
    never_repeated = _ended(search) - search.get(Status.OK, 0)
    return limit + (limit - never_repeated) * (row.space.replicates - 1)


def _ended(outcomes: dict[str, int]) -> int:
    return sum(outcomes.values()) - outcomes.get("open", 0)


def _counts(session: Session, campaign: int) -> dict[str, dict[str, int]]:
    row = m.Candidate
    found: dict[str, dict[str, int]] = {role.value: {} for role in Role}
    for role, outcome, n in session.execute(
        select(row.role, row.outcome, func.count())
        .where(row.campaign_id == campaign)
        .group_by(row.role, row.outcome)
    ):
        found[role][outcome or "open"] = n
    return found


def _failures(session: Session, campaign: int) -> dict[str, int]:
    rows = session.execute(
        select(m.Attempt.outcome, func.count())
        .join(m.Candidate, m.Candidate.id == m.Attempt.candidate_id)
        .where(
            m.Candidate.campaign_id == campaign,
            m.Attempt.outcome.is_not(None),
            m.Attempt.stage != DRIVER,
        )
        .group_by(m.Attempt.outcome)
    )
    return dict(Counter({o: n for o, n in rows if o and _failed(o)}).most_common())


def _benched(session: Session, campaign: int) -> tuple[str, ...]:
    rows = session.scalars(
        select(m.Event.data).where(m.Event.campaign_id == campaign, m.Event.kind == "benched")
    )
    return tuple(sorted({data["family"] for data in rows if "family" in data}))


def _audited(session: Session, campaign: int) -> tuple[str | None, tuple[str, ...]]:
    """Events of the running audit: why the draw is biased, and which families keep failing."""
    rows = session.execute(
        select(m.Event.kind, m.Event.data)
        .where(m.Event.campaign_id == campaign, m.Event.kind.in_(("coverage", "failing")))
        .order_by(m.Event.id)
    ).all()
    biased = [
        f"detected at draw {data['flagged_at']}: {data['why']}"
        for kind, data in rows
        if kind == "coverage"
    ]
    failing = tuple(data["why"] for kind, data in rows if kind == "failing")
    return (biased[0] if biased else None), failing


def _running(ledger: Ledger, session: Session, campaign: int) -> tuple[Running, ...]:
    a, c, e = m.Attempt, m.Candidate, m.Epoch
    before = aliased(m.Attempt)
    # Before its first epoch, a resumed attempt is as far as its checkpoint.
    epochs = case((a.epochs > 0, a.epochs), else_=func.coalesce(before.epochs, 0))
    source = case((a.epochs > 0, a.id), else_=before.id)
    rows = session.execute(
        select(
            *(a.id, a.started_at, epochs.label("epochs"), e.val_acc),
            *(c.key, c.role, c.number, c.families, c.spec, VARIANT.label("variant")),
        )
        .join(c, c.id == a.candidate_id)
        .outerjoin(before, before.id == a.resumed_from)
        .outerjoin(e, and_(e.attempt_id == source, e.epoch == epochs))
        .where(c.campaign_id == campaign, c.outcome.is_(None), a.outcome.is_(None))
        .order_by(a.id)
    )
    return tuple(
        Running(
            attempt=r.id,
            key=r.key,
            role=r.role,
            number=r.number,
            families=r.families,
            label=model_label(r.families, r.variant),
            epoch=r.epochs,
            epochs=r.spec["recipe"]["epochs"],
            val_acc=r.val_acc,
            within=_within(ledger, campaign, r.key, r.id, r.epochs + 1),
            since=r.started_at,
        )
        for r in rows
    )


def _within(ledger: Ledger, campaign: int, key: str, attempt: int, epoch: int) -> float:
    """How far an attempt's worker is within an epoch, as it says beside the ledger."""
    with suppress(OSError, ProblemError, ValueError):  # none yet, half written, or elsewhere
        file = ledger.attempt_folder(campaign, key, attempt) / PROGRESS
        found = Progress.model_validate_json(file.read_bytes()[:1000])
        if found.epoch == epoch:
            return min(1.0, max(0.0, found.share))
    return 0.0


def best_of(session: Session, campaign: int) -> Best | None:
    """The leader of a campaign by validation accuracy; None before one has succeeded."""
    c = m.Candidate
    found = session.execute(
        select(c.id, c.key, c.number, c.families, c.val_acc)
        .where(
            c.campaign_id == campaign,
            c.role == Role.SEARCH,
            c.outcome == Status.OK,
            c.val_acc.is_not(None),
        )
        .order_by(c.val_acc.desc(), c.number)
        .limit(1)
    ).first()
    if found is None:
        return None
    # Apart, so that the specs of all others are not read to sort them.
    variant = session.scalar(select(VARIANT).where(c.id == found.id))
    return Best(
        key=found.key,
        number=found.number,
        families=found.families,
        label=model_label(found.families, variant),
        val_acc=found.val_acc,
    )
