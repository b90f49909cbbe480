"""Looks up one candidate by what a user types, with everything the ledger knows about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from nas.contained import contained
from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.ledger.records import (
    AttemptRecord,
    CampaignRecord,
    CandidateRecord,
    EpochRecord,
    ExpertRecord,
    MetricsRecord,
    ScreenRecord,
    TrainingEventRecord,
    campaign_record,
    candidate_record,
    record,
)
from nas.ledger.summary import best_of
from nas.schema import WEIGHTS, DatasetInfo, Role, Status, UsageError, printed_name

BEST = "best"
"""The name of the candidate with the highest validation accuracy."""
_SHOWN = 5


@dataclass(frozen=True)
class Found:
    """A candidate with everything the ledger knows about it."""

    campaign: CampaignRecord
    candidate: CandidateRecord
    attempts: tuple[AttemptRecord, ...]
    """Oldest first."""
    epochs: tuple[EpochRecord, ...]
    """Of all attempts, in order; a resumed attempt continues the count."""
    experts: tuple[ExpertRecord, ...]
    """Of the final attempt, in the order of the families."""
    metrics: tuple[MetricsRecord, ...]
    """Of the final attempt's last epoch."""
    events: tuple[TrainingEventRecord, ...]
    """What happened in training, in order; of an epoch that was trained again, as it was last."""
    controls: dict[str, AttemptRecord]
    """Final attempts of its members' controls, by timm model."""
    environment: dict[str, Any]
    """Machine and versions of the last attempt."""
    inputs: DatasetInfo | None
    """The campaign's data set; None before any attempt read data."""

    @property
    def final(self) -> AttemptRecord | None:
        """The attempt with the candidate's result; None while there is none."""
        return next((a for a in self.attempts if a.id == self.candidate.final_attempt), None)


@dataclass(frozen=True)
class _Name:
    """The parts of a name that a user typed for a candidate."""

    text: str
    campaign: str | None = None
    key: str | None = None
    """A prefix of the key."""
    role: Role | None = None
    number: int | None = None

    @classmethod
    def parse(cls, typed: str) -> "_Name":
        """`best`, `12`, `#12`, `control 3`, `control-3` or a key, perhaps after `campaign/`."""
        campaign, slash, text = typed.strip().rpartition("/")
        name = cls(text, campaign if slash else None)
        role, digits = Role.SEARCH, re.fullmatch(r"#?([0-9]{1,9})", text)
        if digits is None and (of_role := _OF_ROLE.fullmatch(text.lower())):
            role, digits = Role(of_role[1]), re.fullmatch(r"([0-9]{1,9})", of_role[2])
        if digits is not None:
            name = replace(name, role=role, number=int(digits[1]))
        if re.fullmatch(r"[0-9a-f]+", text):
            name = replace(name, key=text)
        return name


_OF_ROLE = re.compile(rf"({'|'.join(role for role in Role)})[ -]?#?([0-9]{{1,9}})")


def find(ledger: Ledger, ident: str, campaign: str | None = None) -> Found:
    """A candidate by its number in the search (`12`, `#12`), by its role and number as printed
    (`control 3`, `confirm 0`), by its key, or by a prefix of the key; `best` is the first of the
    leaderboard; `campaign/12` also names the campaign.

    Searches one campaign, the latest by default; a key is then also searched in all others. Digits
    are a number if the campaign has that number, otherwise a key. Raises UsageError if no
    candidate or more than one matches, and if `ident` and `campaign` name different campaigns.
    """
    name = _Name.parse(ident)
    if name.campaign is not None and campaign not in (None, name.campaign):
        raise UsageError(
            f"{ident!r} is in campaign {name.campaign}, but --campaign names {campaign}",
            fix="leave out one of the two",
        )
    named = campaign if name.campaign is None else name.campaign
    here = ledger.campaign(named)
    with ledger.session() as session:
        if name.text == BEST:
            leader = best_of(session, here.id)
            if leader is None:
                raise UsageError(
                    "no candidate has succeeded yet", where=f"{ledger.place}, campaign {here.name}"
                )
            name = replace(name, role=Role.SEARCH, number=leader.number)
        found = _matches(session, name, m.Candidate.campaign_id == here.id)
        if not found and named is None:
            elsewhere = replace(name, number=None)
            found = _matches(session, elsewhere, m.Candidate.campaign_id != here.id)
        if not found:
            raise UsageError(
                f"no candidate matches {ident!r}",
                where=f"{ledger.place}, campaign {here.name}",
                fix=_there_are(session, here.id, name.role),
            )
        if len({row.key for row in found}) > 1:
            names = ", ".join(
                f"{row.key} ({printed_name(row.role, row.number)})" for row in found[:_SHOWN]
            )
            raise UsageError(
                f"{ident!r} matches several candidates", fix=f"write more of the key: {names}"
            )
        return _found(session, found[0])


def _there_are(session: Session, campaign: int, role: Role | None) -> str:
    """Which candidates may be named; a leaderboard has only those of the search."""
    if role in (None, Role.SEARCH):
        return "`nas report leaderboard` lists them by number; `best` is its first"
    row = m.Candidate
    first, last, count = session.execute(
        select(func.min(row.number), func.max(row.number), func.count()).where(
            row.campaign_id == campaign, row.role == role
        )
    ).one()
    if not count:
        return f"the campaign has no `{role} N`"
    if count == 1:
        return f"the campaign has `{role} {first}` alone"
    gaps = "" if count == last - first + 1 else f", {count} in all"
    return f"the campaign has `{role} {first}` to `{role} {last}`{gaps}"


def _matches(session: Session, name: _Name, where: ColumnElement[bool]) -> Sequence[m.Candidate]:
    """Candidates that a name may mean, the latest first; a number takes precedence."""
    row = m.Candidate
    meant: list[ColumnElement[bool]] = []
    if name.number is not None:
        meant.append((row.role == name.role) & (row.number == name.number))
    if name.key is not None:
        meant.append(row.key.startswith(name.key))
    for condition in meant:
        query = select(row).where(where, condition).order_by(row.id.desc()).limit(_SHOWN + 1)
        if found := session.scalars(query).all():
            return found
    return []


def _found(session: Session, candidate: m.Candidate) -> Found:
    attempts = session.scalars(
        select(m.Attempt).where(m.Attempt.candidate_id == candidate.id).order_by(m.Attempt.id)
    ).all()
    epochs = session.scalars(
        select(m.Epoch)
        .join(m.Attempt, m.Attempt.id == m.Epoch.attempt_id)
        .where(m.Attempt.candidate_id == candidate.id)
        .order_by(m.Epoch.attempt_id, m.Epoch.epoch)
    ).all()
    experts = session.scalars(
        select(m.Expert)
        .where(m.Expert.attempt_id == candidate.final_attempt)
        .order_by(m.Expert.position)
    ).all()
    metrics = session.scalars(
        select(m.Metrics)
        .where(m.Metrics.attempt_id == candidate.final_attempt)
        .where(m.Metrics.epoch == (epochs[-1].epoch if epochs else 0))
        .order_by(m.Metrics.split.desc(), m.Metrics.layer)
    ).all()
    events = session.scalars(
        select(m.TrainingEvent)
        .join(m.Attempt, m.Attempt.id == m.TrainingEvent.attempt_id)
        .where(m.Attempt.candidate_id == candidate.id)
        .order_by(m.TrainingEvent.epoch, m.TrainingEvent.id)
    ).all()
    last = {epoch.epoch: epoch.attempt_id for epoch in epochs}
    environment = attempts and session.get_one(m.Environment, attempts[-1].environment_id).data
    return Found(
        campaign=campaign_record(session.get_one(m.Campaign, candidate.campaign_id)),
        candidate=candidate_record(candidate),
        attempts=tuple(record(AttemptRecord, row) for row in attempts),
        epochs=tuple(record(EpochRecord, row) for row in epochs),
        experts=tuple(record(ExpertRecord, row) for row in experts),
        metrics=tuple(record(MetricsRecord, row) for row in metrics),
        events=tuple(
            record(TrainingEventRecord, row)
            for row in events
            if last.get(row.epoch) == row.attempt_id
        ),
        controls=_controls(session, candidate),
        environment=environment or {},
        inputs=_inputs(session, candidate.campaign_id, candidate.id),
    )


def with_weights(ledger: Ledger, campaign: CampaignRecord) -> list[str]:
    """The keys of a campaign's candidates whose weights are there, in the order of drawing."""
    query = (
        select(m.Candidate.key, m.Attempt.id)
        .join(m.Attempt, m.Attempt.id == m.Candidate.final_attempt)
        .where(
            m.Candidate.campaign_id == campaign.id,
            m.Candidate.outcome == Status.OK,
            m.Attempt.weights.is_not(None),
        )
        .order_by(m.Candidate.id)
    )
    with ledger.session() as session:
        rows = session.execute(query).all()
    return [
        key
        for key, attempt in rows
        if contained(ledger.attempt_folder(campaign.id, key, attempt), WEIGHTS).is_file()
    ]


def inputs_of(ledger: Ledger, campaign: str) -> DatasetInfo | None:
    """A campaign's data set; None before any attempt read data, or if it was not recorded."""
    known = ledger.campaign(campaign).id
    with ledger.session() as session:
        return _inputs(session, known)


def inputs_of_screen(ledger: Ledger, screen: ScreenRecord) -> DatasetInfo | None:
    """The data set of a screen's experts, and so of a campaign drawn from the screen; None if it
    was not recorded."""
    keys = [expert.key for expert in screen.experts]
    with ledger.session() as session:
        data = session.scalar(
            select(m.DatasetInfo.data)
            .join(m.Attempt, m.Attempt.inputs_id == m.DatasetInfo.id)
            .join(m.Candidate, m.Candidate.id == m.Attempt.candidate_id)
            .where(m.Candidate.key.in_(keys))
            .limit(1)
        )
    return None if data is None else DatasetInfo(**data)


def _inputs(session: Session, campaign: int, candidate: int | None = None) -> DatasetInfo | None:
    # A campaign has one data set; attempts in an older ledger have none recorded.
    own = m.Candidate.id == candidate
    data = session.scalar(
        select(m.DatasetInfo.data)
        .join(m.Attempt, m.Attempt.inputs_id == m.DatasetInfo.id)
        .join(m.Candidate, m.Candidate.id == m.Attempt.candidate_id)
        .where(m.Candidate.campaign_id == campaign)
        .order_by(own.desc(), m.Attempt.id.desc())
        .limit(1)
    )
    return None if data is None else DatasetInfo(**data)


def _controls(session: Session, candidate: m.Candidate) -> dict[str, AttemptRecord]:
    row = m.Candidate
    members = {expert["member"]["model"] for expert in candidate.spec["experts"]}
    rows = session.execute(
        select(row.spec, m.Attempt)
        .join(m.Attempt, m.Attempt.id == row.final_attempt)
        .where(
            row.campaign_id == candidate.campaign_id,
            row.role == Role.CONTROL,
            row.families.in_(candidate.families.split("+")),
        )
    )
    controls = {spec["experts"][0]["member"]["model"]: attempt for spec, attempt in rows}
    return {
        model: record(AttemptRecord, attempt)
        for model, attempt in controls.items()
        if model in members
    }
