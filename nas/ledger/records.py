"""Frozen values that the ledger returns for its rows, free of SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from nas.ledger import models as m
from nas.ledger.bounded import DURATION, SHARE
from nas.ledger.leases import candidate_of
from nas.schema import CampaignConfig, Candidate, ScreenConfig, Space, campaign_config


@dataclass(frozen=True)
class CampaignRecord:
    """A campaign: its configuration, and how long it has worked."""

    id: int
    name: str
    created_at: float
    """Seconds since 1970-01-01 UTC, like all times here."""
    space: Space
    """The space at the start of the campaign."""
    config: CampaignConfig
    state: str
    """running, stopped (resumable) or done."""
    worked_seconds: float
    heartbeat_at: float | None
    """A driver's last sign of life; None before the first."""


@dataclass(frozen=True)
class ScreenExpert:
    """An expert of the bank at the time of a screen."""

    key: str
    family: str
    model: str
    val_acc: float | None = None
    seconds: float = 0.0
    """Training time, including that of the expert it was initialised from."""
    proxies: dict[str, float] = field(default_factory=dict)
    """Zero-cost proxies before its training, by name."""

    def __post_init__(self) -> None:
        """Raises ValueError for a value that nas cannot have recorded."""
        if self.val_acc is not None:
            SHARE.check(self.val_acc)
        DURATION.check(self.seconds)


@dataclass(frozen=True)
class ScreenRecord:
    """A screen's configuration and totals, without the scores of its mixtures."""

    id: int
    created_at: float
    space: Space
    config: ScreenConfig
    experts: tuple[ScreenExpert, ...]
    total: int
    """Mixtures of these experts in the space."""
    left_out: int
    """Mixtures skipped as too large or too slow."""
    val_images: int
    test_images: int
    seconds: float


@dataclass(frozen=True)
class CandidateRecord:
    """A candidate with its code and its final result."""

    id: int
    role: str
    number: int
    spec: Candidate
    code: str
    outcome: str | None
    """None while it is open."""
    final_attempt: int | None
    macs: int | None
    active_macs: int | None
    memory_bytes: int | None
    """Estimated memory of one training step."""

    @property
    def key(self) -> str:
        """The candidate's key."""
        return self.spec.key


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt. A value that was not measured is None; accuracies are in [0, 1]."""

    id: int
    number: int
    """Counts a candidate's attempts from 1."""
    device: str
    memory_fraction: float | None
    """Share of a GPU's memory."""
    micro_batches: int
    resumed_from: int | None
    started_at: float
    ended_at: float | None
    outcome: str | None
    stage: str
    message: str
    detail: str
    epochs: int
    seconds: float
    peak_memory_bytes: int
    params: int | None
    rung: int | None
    val_acc: float | None
    val_loss: float | None
    test_acc: float | None
    uniform_val_acc: float | None
    uniform_test_acc: float | None
    oracle_val_acc: float | None
    oracle_test_acc: float | None
    weights: str | None
    weights_sha256: str | None
    structure: dict[str, Any] | None
    """What the trained model's shapes are, if it said so."""


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one attempt."""

    attempt_id: int
    epoch: int
    train_loss: float
    train_acc: float
    val_loss: float
    val_acc: float
    lr: float
    temperature: float | None
    gate_entropy: float | None
    usage: list[float]
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class ExpertRecord:
    """One expert of a finished mixture."""

    family: str
    model: str
    val_acc: float
    test_acc: float
    usage: float


@dataclass(frozen=True)
class MetricsRecord:
    """The metrics of one layer, or of the whole model, in one epoch."""

    epoch: int
    split: str
    layer: str
    """Empty for the whole model."""
    data: dict[str, Any]
    """A number, or a list of one for each expert, by name."""


@dataclass(frozen=True)
class TrainingEventRecord:
    """Something that happened while an attempt trained: see nas.schema.TrainingEvent."""

    attempt_id: int
    epoch: int
    step: int
    kind: str
    reason: str
    data: dict[str, Any]


@dataclass(frozen=True)
class DiagnosisRecord:
    """What an instrument found in a trained model."""

    instrument: str
    made_at: float
    seconds: float
    device: str
    reason: str
    """Why it does not apply; empty if it does."""
    data: dict[str, Any]
    """A number, or a list of numbers, by name."""


T = TypeVar(
    "T",
    AttemptRecord,
    EpochRecord,
    ExpertRecord,
    MetricsRecord,
    TrainingEventRecord,
    DiagnosisRecord,
)


def record(kind: type[T], row: m.Base) -> T:
    """The `kind` with a row's columns of the same names."""
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})


def campaign_record(row: m.Campaign) -> CampaignRecord:
    """Raises pydantic's ValidationError for a damaged row."""
    return CampaignRecord(
        id=row.id,
        name=row.name,
        created_at=row.created_at,
        space=Space.model_validate(row.space),
        config=campaign_config(row.config),
        state=row.state,
        worked_seconds=row.worked_seconds,
        heartbeat_at=row.heartbeat_at,
    )


def candidate_record(row: m.Candidate) -> CandidateRecord:
    """Raises as nas.ledger.leases.candidate_of."""
    return CandidateRecord(
        id=row.id,
        role=row.role,
        number=row.number,
        spec=candidate_of(row),
        code=row.code,
        outcome=row.outcome,
        final_attempt=row.final_attempt,
        macs=row.macs,
        active_macs=row.active_macs,
        memory_bytes=row.memory_bytes,
    )


def screen_expert(data: Mapping[str, Any]) -> ScreenExpert:
    """Raises ValueError, or TypeError, for damaged data."""
    known = [field.name for field in fields(ScreenExpert)]
    return ScreenExpert(**{name: data[name] for name in known if name in data})


def screen_record(row: m.Screen) -> ScreenRecord:
    """Raises ValueError (also as pydantic's ValidationError) or TypeError for a damaged row."""
    return ScreenRecord(
        id=row.id,
        created_at=row.created_at,
        space=Space.model_validate(row.space),
        config=ScreenConfig.recorded(row.config),
        experts=tuple(map(screen_expert, row.experts)),
        total=row.total,
        left_out=row.config.get("left_out", 0),
        val_images=row.val_images,
        test_images=row.test_images,
        seconds=row.seconds,
    )
