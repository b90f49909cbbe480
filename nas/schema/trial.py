"""What travels to a worker: all it needs to train one candidate, once."""

from typing import Literal

from nas.schema.base import Frozen
from nas.schema.candidate import Candidate

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"
"""Files an attempt leaves in its folder."""


class Trial(Frozen):
    """One attempt at one candidate, as a worker sees it."""

    attempt: int
    """The attempt's row in the ledger: unique for ever, so it fences off older workers."""
    candidate: Candidate
    code: str
    """The rendered module: `build(num_classes) → nn.Module`."""
    folder: str
    """Where this attempt alone may write: checkpoint and weights."""
    resume_from: str | None = None
    """An earlier attempt's checkpoint to go on from."""
    stop_file: str
    """When this file appears, the running epoch is finished and checkpointed."""
    data_root: str
    device: str = "cpu"
    """Or `cuda`, the first GPU that its process sees: workers see one alone."""
    precision: Literal["auto", "fp32", "bf16"] | None = None
    """What the whole campaign computes in; None: as the recipe says, where the device has it."""
    memory_fraction: float | None = None
    """Share of the GPU's memory this trial may take, placed in sixteenths; None for all of it."""
    micro_batches: int = 1
    """Splits each step's batch so that it fits; the effective batch stays the recipe's."""
    threads: int = 1
    time_limit: float | None = None
    """Seconds of wall time, the whole attempt."""
    checkpoint_seconds: float = 60.0
    """A checkpoint is written at an epoch's end if the last one is older than this."""
    checkpoint_first: bool = False
    """Whether one is written after this attempt's first epoch in any case."""
    bank: str | None = None
    """Folder of the expert bank that its experts come from, or that it goes to; see nas.experts."""
    keep_in_bank: bool = False
    """Whether the bank takes its weights and predictions."""
    bank_bytes: int | None = None
    """The most the whole bank may take on the disk."""
    keep_weights: bool = True
