"""Reports of training: an Epoch after each one, and one Outcome at the end."""

import json
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from nas.schema.base import Frozen, OmitDefaults
from nas.schema.problem import printable


class Status(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    INVALID = "invalid"  # refused before any training: does not build, or does not fit
    OOM = "oom"
    TIMEOUT = "timeout"
    NAN = "nan"
    CRASH = "crash"
    KILLED = "killed"  # its process died
    PRUNED = "pruned"
    INTERRUPTED = "interrupted"  # end of budget or Ctrl-C: resumable from its checkpoint
    SUPERSEDED = "superseded"  # its template changed before it had a result: drawn again

    @property
    def failed(self) -> bool:
        """True if the candidate, and not the user or the campaign, caused the end."""
        return self not in (Status.OK, Status.PRUNED, Status.INTERRUPTED, Status.SUPERSEDED)


DRIVER = "driver"
"""Stage of an attempt that ended with its driver: not a failure of the candidate."""

DEVICE = "device"
"""Stage of an attempt whose GPU does not work, even in a fresh process, with no other GPU left: not
a failure of the candidate."""


CROWDED = "crowded"
"""Stage of an attempt that ran out of memory within its share of the GPU, because other processes
use it: not a failure of the candidate."""

BUSY = "busy"
"""Stage of an attempt whose GPU accepts only one process and had another: not a failure of the
candidate."""

MEMORY_OF_OTHERS = ("start", "data", CROWDED, BUSY)
"""Stages in which lack of memory is not the candidate's fault: no model exists yet, or other
processes use the promised memory."""


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"should be plain data, as in JSON: {error}") from None
    return data


PlainData = Annotated[dict[str, Any], AfterValidator(_plain)]


class Metric(Frozen):
    """One figure of one epoch; a new one needs no column and no migration."""

    name: str
    split: Literal["train", "val"]
    """The images that it is about. Those of training are augmented and mixed as the recipe says."""
    layer: str = ""
    """The layer that routes; empty for the whole model."""
    value: float | tuple[float, ...]
    """A number, or one for each expert."""


class TrainingEvent(Frozen):
    """Something that happened while a network trained, other than a step."""

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    step: int
    """Steps done before it, from the first epoch on."""
    reason: str = ""
    data: PlainData = {}
    """Details, plain JSON."""


class Epoch(Frozen):
    """Measurements of an epoch. Losses in nats, accuracies and shares in [0, 1], sizes in bytes."""

    epoch: int
    """Counts from 1."""
    train_loss: float
    """The whole objective, auxiliary losses included."""
    balance_loss: float | None = None
    train_acc: float
    val_loss: float
    val_acc: float
    lr: float
    gate_lr: float | None = None
    temperature: float | None = None
    gate_entropy: float | None = None
    """Mean entropy of the gate's weights on validation, in nats, over layers: between 0 and
    ln E."""
    metrics: tuple[Metric, ...] = ()
    """Every metric of routing (files of `nas/moe/metrics`), of each layer, in training and on
    validation; every auxiliary loss, unweighted."""
    events: tuple[TrainingEvent, ...] = ()
    usage: tuple[float, ...] = ()
    """Mean gate weight of each expert on validation, in the experts' order; sums to 1 if nothing is
    dropped. Empty for a network with several layers."""
    images_per_second: float
    seconds: float
    peak_memory_bytes: int


class ExpertScore(Frozen):
    """One expert inside the trained mixture, evaluated by its own logits."""

    family: str
    model: str
    val_acc: float
    test_acc: float
    usage: float
    """Mean gate weight on validation."""


class DatasetInfo(OmitDefaults):
    """The data of a model: everything needed besides code and weights to use it."""

    omit_if_default: ClassVar[frozenset[str]] = frozenset({"val_counts", "value_range"})

    class_names: tuple[str, ...]
    """In the order of the logits."""
    mean: tuple[float, ...]
    """Per channel over the training images in [0, 1]; inputs are (x − mean) / std."""
    std: tuple[float, ...]
    train_images: int
    val_images: int
    test_images: int
    val_counts: tuple[int, ...] = ()
    """Validation images per class, in the order of the logits; empty if not recorded."""
    value_range: tuple[float, float] | None = None
    """Values of deep images that are mapped to 0 and 1, for the whole data set; None if images
    have 8 bits."""

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return len(self.class_names)


class Outcome(Frozen):
    """How an attempt ended, and its measurements if it succeeded."""

    status: Status
    stage: str = ""
    """Where a failure happened: start (no worker had begun), render, fit, data, build, train,
    measure, save, worker (the process died or had to be killed), DRIVER, DEVICE, CROWDED or BUSY.
    Of an interrupted attempt: save or worker if it could not keep its last epoch, else empty."""
    message: str = ""
    """One line for the user."""
    detail: str = ""
    """The traceback, or the numbers behind a refusal."""
    epochs: int = 0
    val_acc: float | None = None
    val_loss: float | None = None
    test_acc: float | None = None
    uniform_val_acc: float | None = None
    uniform_test_acc: float | None = None
    """Of the unweighted mean of the experts' logits."""
    oracle_val_acc: float | None = None
    oracle_test_acc: float | None = None
    """Share of images that at least one expert classifies correctly: an upper bound for top-1
    routers."""
    val_images: int | None = None
    test_images: int | None = None
    """Number of images behind the accuracies."""
    experts: tuple[ExpertScore, ...] = ()
    seconds: float = 0.0
    """Wall time of this attempt in its worker."""
    peak_memory_bytes: int = 0
    params: int | None = None
    inputs: DatasetInfo | None = None
    """None if the data were never read."""
    weights: str | None = None
    """File name of the saved weights inside the attempt's folder."""
    weights_sha256: str | None = None
    """SHA-256 of that file, in hexadecimal digits."""
    rung: int | None = None
    structure: PlainData | None = None
    """What the model's `structure()` gives, plain JSON: what its shapes are, if training changed
    them. None for a model without one."""
    needs_restart: bool = False
    """Whether its worker process cannot run another trial: CUDA fails there."""

    @property
    def never_started(self) -> bool:
        """Whether it ended before a worker had started, which is not the candidate's fault."""
        return self.stage == "start"

    @field_validator("message", "detail", mode="before")
    @classmethod
    def _kept_as_text(cls, text: str) -> str:
        return printable(text)
