"""The devices of this machine: which exist, whether they work, how much memory is free."""

from nas.hardware.devices import (
    CONTEXT_BYTES,
    Gpu,
    check_gpus,
    device_bytes,
    environment,
    gpus_available,
    larger_share,
    settled_precision,
    share,
    versions,
)
from nas.hardware.gpu_memory import GpuMemory, Look, MemoryReader

__all__ = [
    "CONTEXT_BYTES",
    "Gpu",
    "GpuMemory",
    "Look",
    "MemoryReader",
    "check_gpus",
    "device_bytes",
    "environment",
    "gpus_available",
    "larger_share",
    "settled_precision",
    "share",
    "versions",
]
