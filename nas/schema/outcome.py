"""What training reports: an Epoch after each, one Outcome at the end."""

from enum import StrEnum
from typing import ClassVar

from pydantic import field_validator

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
    KILLED = "killed"  # its process died under it
    PRUNED = "pruned"
    INTERRUPTED = "interrupted"  # the budget's end or Ctrl-C: goes on from its checkpoint
    SUPERSEDED = "superseded"  # its template changed before it had a result: it was drawn again

    @property
    def failed(self) -> bool:
        """True where the candidate, not the campaign's owner, is the reason for the end."""
        return self not in (Status.OK, Status.PRUNED, Status.INTERRUPTED, Status.SUPERSEDED)


DRIVER = "driver"
"""The stage of an attempt that ended with the driver that ran it: not its candidate's failure."""

DEVICE = "device"
"""The stage of an attempt whose GPU does not work, not in a fresh process either, and for which no
other is left: not its candidate's failure."""


CROWDED = "crowded"
"""The stage of an attempt that ran out of memory before it had what its share of the GPU promised:
others hold it. Not its candidate's failure."""

BUSY = "busy"
"""The stage of an attempt whose GPU takes one process at a time, and had another. Not its
candidate's failure."""

MEMORY_OF_OTHERS = ("start", "data", CROWDED, BUSY)
"""Stages in which memory that runs out is the machine's, not the candidate's: no model is there
yet, or others have what was promised."""


class Epoch(Frozen):
    """One epoch's figures. Losses in nats, accuracies and shares in [0, 1], sizes in bytes."""

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
    """Mean entropy of the gate's weights on validation, in nats: between 0 and ln E."""
    metrics: dict[str, float] = {}
    """Every metric of routing on validation, by name (files of `nas/moe/metrics`). The ledger
    keeps `gate_entropy` alone; a tracker gets all."""
    usage: tuple[float, ...] = ()
    """Mean gate weight of each expert on validation, in the experts' order; sums to 1."""
    images_per_second: float
    seconds: float
    peak_memory_bytes: int


class ExpertScore(Frozen):
    """One expert inside the trained mixture, by its own logits."""

    family: str
    model: str
    val_acc: float
    test_acc: float
    usage: float
    """Mean gate weight on validation."""


class DatasetInfo(OmitDefaults):
    """What a model was fed: all that one needs beside its code and weights to use it."""

    omit_if_default: ClassVar[frozenset[str]] = frozenset({"val_counts", "value_range"})

    class_names: tuple[str, ...]
    """In the order of the logits."""
    mean: tuple[float, ...]
    """Of each channel over the training images in [0, 1]; inputs are (x − mean) / std."""
    std: tuple[float, ...]
    train_images: int
    val_images: int
    test_images: int
    val_counts: tuple[int, ...] = ()
    """Validation images of each class, in the order of the logits; empty where not recorded."""
    value_range: tuple[float, float] | None = None
    """The values of deep images that became 0 and 1, for the whole data set; None where images
    have 8 bits."""

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return len(self.class_names)


class Outcome(Frozen):
    """How an attempt ended, and what it measured when it ended well."""

    status: Status
    stage: str = ""
    """Where a failure happened: start (no worker had begun), fit, data, build, train, measure,
    save, worker (seen from outside: its process died or had to be killed), DRIVER, DEVICE,
    CROWDED or BUSY."""
    message: str = ""
    """One line for a person."""
    detail: str = ""
    """The traceback, or the figures behind a refusal."""
    epochs: int = 0
    val_acc: float | None = None
    val_loss: float | None = None
    test_acc: float | None = None
    uniform_val_acc: float | None = None
    uniform_test_acc: float | None = None
    """The unweighted mean of the experts' logits."""
    oracle_val_acc: float | None = None
    oracle_test_acc: float | None = None
    """Share of images that at least one expert gets right: the bound of any top-1 router."""
    val_images: int | None = None
    test_images: int | None = None
    """How many images the accuracies are shares of."""
    experts: tuple[ExpertScore, ...] = ()
    seconds: float = 0.0
    """Wall time of this attempt in its worker."""
    peak_memory_bytes: int = 0
    params: int | None = None
    inputs: DatasetInfo | None = None
    """None where the data was never read."""
    weights: str | None = None
    """File name of the saved weights inside the attempt's folder."""
    weights_sha256: str | None = None
    """Of that file, in hexadecimal digits."""
    rung: int | None = None
    needs_restart: bool = False
    """Whether its worker's process is unfit for another trial: CUDA computes no more there."""

    @property
    def unbegun(self) -> bool:
        """Whether it ended before a worker had begun, which says nothing about its candidate."""
        return self.stage == "start"

    @field_validator("message", "detail", mode="before")
    @classmethod
    def _kept_as_text(cls, text: str) -> str:
        return printable(text)
