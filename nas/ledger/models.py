"""The tables of `runs.db`. Every change needs a migration in `migrations/versions`.

Times are seconds since 1970-01-01 UTC; durations are seconds; sizes are bytes; accuracies are in
[0, 1].
"""

import zlib
from typing import Annotated, Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from nas.ledger.bounded import (
    ANY_SIGN,
    DURATION,
    FIGURES,
    MOMENT,
    SHARE,
    SHARES,
    BoundedBigInteger,
    BoundedFloat,
    BoundedInteger,
)

Big = Annotated[int, mapped_column(BoundedBigInteger())]
"""For bytes, parameters and operations."""
Share = Annotated[float, mapped_column(SHARE)]
"""An accuracy, or another number in [0, 1]."""
Moment = Annotated[float, mapped_column(MOMENT)]
"""Seconds since 1970-01-01 UTC."""
Duration = Annotated[float, mapped_column(DURATION)]
"""Seconds."""


class CompressedText(TypeDecorator[str]):
    """Text stored as zlib bytes; rendered code shrinks to about a fifth."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else zlib.compress(value.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else zlib.decompress(value).decode()


class Base(DeclarativeBase):
    """The declarative base of all tables; says how Python types become columns."""

    type_annotation_map = {dict[str, Any]: JSON, float: BoundedFloat(), int: BoundedInteger()}


class Identity(Base):
    """One row: the ledger's id, which survives moving and renaming it."""

    __tablename__ = "identity"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)


class Environment(Base):
    """The machine and versions an attempt ran with."""

    __tablename__ = "environments"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    data: Mapped[dict[str, Any]]


class DatasetInfo(Base):
    """The data that attempts read: see nas.schema.DatasetInfo."""

    __tablename__ = "inputs"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    data: Mapped[dict[str, Any]]


class Dataset(Base):
    """The files of a data set: see nas.data.manifest."""

    __tablename__ = "datasets"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    manifest: Mapped[str] = mapped_column(CompressedText)


class Campaign(Base):
    """One search: its configuration, and how long it has worked."""

    __tablename__ = "campaigns"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Moment]
    config: Mapped[dict[str, Any]]
    space: Mapped[dict[str, Any]]
    """The space at the start: later edits of the YAML do not change a running campaign."""
    state: Mapped[str] = mapped_column(default="running")
    """running, stopped (resumable) or done."""
    worked_seconds: Mapped[Duration] = mapped_column(default=0.0)
    heartbeat_at: Mapped[Moment | None]
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id"))
    """Its data at the start; None until they have been read."""


class Candidate(Base):
    """One model to train, and its one final result."""

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("campaign_id", "key"),
        UniqueConstraint("campaign_id", "role", "number"),
        Index("ix_candidates_open", "campaign_id", "outcome"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    role: Mapped[str]
    number: Mapped[int]
    """Its position in the role's sequence, from 0."""
    phase: Mapped[int] = mapped_column(default=0)
    key: Mapped[str] = mapped_column(index=True)
    families: Mapped[str]
    """Joined by `+`, sorted."""
    spec: Mapped[dict[str, Any]]
    code: Mapped[str] = mapped_column(CompressedText)
    params: Mapped[Big | None]
    macs: Mapped[Big | None]
    memory_bytes: Mapped[Big | None]
    """Estimated memory of one training step."""
    drawn_at: Mapped[Moment]
    owner: Mapped[str | None]
    """The driver that holds the lease; None if it is free."""
    lease_until: Mapped[Moment | None]
    micro_batches: Mapped[int] = mapped_column(default=1)
    deaths: Mapped[int] = mapped_column(default=0)
    """Attempts whose process died while their driver lived."""
    outcome: Mapped[str | None]
    """The final result, written once; None while the candidate is open."""
    val_acc: Mapped[Share | None]
    finished_at: Mapped[Moment | None]
    final_attempt: Mapped[int | None]
    active_macs: Mapped[Big | None]
    """Multiply-accumulates without experts' unused places; None where that is not known."""


class Attempt(Base):
    """One attempt at a candidate. Its id is the fencing token of everything it writes."""

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(primary_key=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    inputs_id: Mapped[int | None] = mapped_column(ForeignKey("inputs.id"))
    number: Mapped[int]
    """Counts a candidate's attempts from 1."""
    owner: Mapped[str]
    device: Mapped[str]
    memory_fraction: Mapped[Share | None]
    micro_batches: Mapped[int] = mapped_column(default=1)
    resumed_from: Mapped[int | None]
    """The earlier attempt whose checkpoint it resumed."""
    folder: Mapped[str]
    """Relative to the ledger's files folder."""
    started_at: Mapped[Moment]
    begun_at: Mapped[Moment | None]
    """When a worker started it; None while it waits for one."""
    ended_at: Mapped[Moment | None]
    outcome: Mapped[str | None] = mapped_column(index=True)
    stage: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    epochs: Mapped[int] = mapped_column(default=0)
    val_acc: Mapped[Share | None]
    val_loss: Mapped[float | None]
    test_acc: Mapped[Share | None]
    uniform_val_acc: Mapped[Share | None]
    uniform_test_acc: Mapped[Share | None]
    oracle_val_acc: Mapped[Share | None]
    oracle_test_acc: Mapped[Share | None]
    val_images: Mapped[int | None]
    test_images: Mapped[int | None]
    seconds: Mapped[Duration] = mapped_column(default=0.0)
    peak_memory_bytes: Mapped[Big] = mapped_column(default=0)
    params: Mapped[Big | None]
    weights: Mapped[str | None]
    rung: Mapped[int | None]
    weights_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the weights file; None if there is none, or if it predates this column."""
    structure: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """See nas.schema.Outcome."""


class Epoch(Base):
    """One epoch of one attempt."""

    __tablename__ = "epochs"
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    train_loss: Mapped[float] = mapped_column(ANY_SIGN)
    balance_loss: Mapped[float | None]
    train_acc: Mapped[Share]
    val_loss: Mapped[float]
    val_acc: Mapped[Share]
    lr: Mapped[float]
    gate_lr: Mapped[float | None]
    temperature: Mapped[float | None]
    gate_entropy: Mapped[float | None]
    usage: Mapped[list[float]] = mapped_column(SHARES)
    images_per_second: Mapped[float]
    seconds: Mapped[Duration]
    peak_memory_bytes: Mapped[Big]


class Metrics(Base):
    """The metrics of one layer, or of the whole model, in one epoch: see nas.schema.Metric.

    A row has them all by name, so that a new metric needs no column, and few rows are written.
    """

    __tablename__ = "metrics"
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    layer: Mapped[str] = mapped_column(primary_key=True)
    """Empty for the whole model."""
    data: Mapped[dict[str, Any]] = mapped_column(FIGURES)


class TrainingEvent(Base):
    """Something that happened while an attempt trained: see nas.schema.TrainingEvent."""

    __tablename__ = "training_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    epoch: Mapped[int]
    step: Mapped[int]
    kind: Mapped[str]
    reason: Mapped[str]
    data: Mapped[dict[str, Any]]


class Diagnosis(Base):
    """What one instrument found in one trained model: see nas.diagnose."""

    __tablename__ = "diagnostics"
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    """The attempt whose weights were examined."""
    instrument: Mapped[str]
    made_at: Mapped[Moment]
    seconds: Mapped[Duration]
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    device: Mapped[str]
    reason: Mapped[str]
    """Why the instrument does not apply to the model; empty if it does."""
    data: Mapped[dict[str, Any]] = mapped_column(FIGURES)


class Expert(Base):
    """One expert of a finished mixture."""

    __tablename__ = "experts"
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    family: Mapped[str] = mapped_column(index=True)
    model: Mapped[str]
    val_acc: Mapped[Share]
    test_acc: Mapped[Share]
    usage: Mapped[Share]


class Rung(Base):
    """A candidate's value at a rung of early stopping, and whether it was promoted."""

    __tablename__ = "rungs"
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), primary_key=True)
    rung: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    value: Mapped[Share]
    promoted: Mapped[bool]


class MemberProfile(Base):
    """A cached profile of one member under one set of conditions."""

    __tablename__ = "probes"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 over conditions and member."""
    model: Mapped[str] = mapped_column(index=True)
    conditions: Mapped[dict[str, Any]]
    probe: Mapped[dict[str, Any]]
    probed_at: Mapped[Moment]


class Event(Base):
    """An event that the campaign's owner may want to read later, such as an excluded family."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    at: Mapped[Moment]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]


DRIVER_MARK = "driver"
"""The kind of the events that mark running drivers (`nas.ledger.drivers`). They name hosts and
processes, so nothing shows them."""


class Screen(Base):
    """One pass over a space with the experts of a bank."""

    __tablename__ = "screens"
    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[Moment]
    space: Mapped[dict[str, Any]]
    config: Mapped[dict[str, Any]]
    """The configuration: data, split, hold-out, replicate, seed, number of fitted mixtures."""
    experts: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """`key`, `family`, `model`, `val_acc`, `seconds`, `proxies` of each expert."""
    total: Mapped[Big]
    """Mixtures in the space; if there are fewer rows, they are a sample."""
    val_images: Mapped[int]
    test_images: Mapped[int]
    seconds: Mapped[Duration]


class MixtureScore(Base):
    """One mixture's scores; a score is missing if it was not fitted."""

    __tablename__ = "screened"
    screen_id: Mapped[int] = mapped_column(ForeignKey("screens.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    """Rank by the uniform average, from 1."""
    families: Mapped[str]
    members: Mapped[str]
    uniform: Mapped[Share | None]
    uniform_loss: Mapped[float | None]
    uniform_test: Mapped[Share | None]
    oracle: Mapped[Share | None]
    best_member: Mapped[Share | None]
    params: Mapped[float | None]
    latency: Mapped[float | None]
    probe: Mapped[Share | None]
    probe_loss: Mapped[float | None]
    probe_test: Mapped[Share | None]
    static: Mapped[Share | None]
    static_loss: Mapped[float | None]
    static_test: Mapped[Share | None]
    gate: Mapped[Share | None]
    gate_loss: Mapped[float | None]
    gate_test: Mapped[Share | None]
