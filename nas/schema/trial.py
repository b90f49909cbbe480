"""Everything that a worker needs to train one candidate once."""

from typing import Literal

from nas.schema.base import Frozen
from nas.schema.candidate import Candidate

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"
"""Files that an attempt writes to its folder."""


class Trial(Frozen):
    """One attempt at one candidate, as passed to a worker."""

    attempt: int
    """Id of the attempt's row in the ledger. It is never reused, so it fences off older workers."""
    candidate: Candidate
    code: str
    """The rendered module: `build(num_classes) → nn.Module`."""
    folder: str
    """The attempt's own folder, for its checkpoint and weights."""
    resume_from: str | None = None
    """Checkpoint of an earlier attempt to resume from; None: from the start."""
    stop_file: str
    """When this file appears, the running epoch is finished and checkpointed."""
    data_root: str
    device: str = "cpu"
    """`cpu`, or `cuda` for the first GPU that its process sees; workers see only one."""
    precision: Literal["auto", "fp32", "bf16"] | None = None
    """The whole campaign's precision; None: the recipe's, if the device has it."""
    memory_fraction: float | None = None
    """Share of the GPU's memory for this trial, placed in sixteenths; None: all of it."""
    micro_batches: int = 1
    """Splits each step's batch so that it fits; the effective batch stays the recipe's."""
    rungs: tuple[int, ...] = ()
    """Epochs before the last after which its validation accuracy decides whether it goes on."""
    threads: int = 1
    time_limit: float | None = None
    """Seconds of wall time for the whole attempt; None: no limit."""
    checkpoint_seconds: float = 60.0
    """A checkpoint is written after an epoch if the last one is older than this."""
    checkpoint_first: bool = False
    """Whether one is written after the first epoch in any case."""
    bank: str | None = None
    """Folder of the bank that its experts come from or that stores it; see nas.experts."""
    keep_in_bank: bool = False
    """Whether its weights and predictions are stored in the bank."""
    bank_bytes: int | None = None
    """Maximum disk space of the whole bank in bytes; None: no limit."""
    keep_weights: bool = True
