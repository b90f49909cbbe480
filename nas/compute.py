"""Device, precision and memory layout of a model, and the memory that it uses."""

import atexit
import ctypes
import gc
import resource
import sys
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.faults import is_library_failure, is_out_of_memory
from nas.schema import Recipe

LAYOUT = torch.channels_last
"""Also on a CPU: it makes a training step of a small timm network 5 to 40 % faster."""


class Compute:
    """A device and a precision, in the memory layout that is fastest on both."""

    def __init__(self, device: torch.device, precision: str = "auto") -> None:
        self.device = device
        self.bf16 = resolved(precision, device) == "bf16"

    @classmethod
    def of(cls, recipe: Recipe, device: torch.device) -> "Compute":
        """The device in the precision that a recipe names."""
        return cls(device, recipe.precision)

    def place(self, model: nn.Module) -> nn.Module:
        """The model on the device; parameters stay fp32."""
        model.to(self.device)
        return model.to(memory_format=LAYOUT)

    def images(self, x: Tensor) -> Tensor:
        """A batch in the model's memory layout."""
        return x.contiguous(memory_format=LAYOUT)

    def autocast(self) -> AbstractContextManager[None]:
        """A context in which operations run in bf16, if that is the precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


BF16_CAPABILITY = (8, 0)
"""The first compute capability with bf16 arithmetic. Older GPUs emulate it, slower than fp32."""


def use_threads(count: int) -> None:
    """Limits the CPU threads of one torch operation in this process to `count`."""
    torch.set_num_threads(count)


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16: every CPU does, and GPUs from BF16_CAPABILITY on."""
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= BF16_CAPABILITY


def resolved(precision: str, device: torch.device) -> str:
    """The precision that a recipe's setting means on a device: `bf16` or `fp32`.

    `auto` is bf16 on a GPU and fp32 on a CPU. On a GPU without bf16 arithmetic, bf16 becomes fp32.
    """
    wanted = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return "bf16" if wanted and has_bf16(device) else "fp32"


def open_device(device: torch.device, share: float = 1.0, *, context_bytes: int = 0) -> None:
    """Prepares a device for one trial, which may use the fraction `share` of its memory.

    If `share` is below 1, torch's tensors may use that share less `context_bytes`, the CUDA
    context's size, which torch does not count. So workers on one GPU stay within their shares.

    The order of the calls matters: CUDA refuses statistics for a device that is not initialised.
    The first allocation creates the context here, so an error in it is not blamed on a model.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.empty(1, device=device)
        fraction = share
        if share < 1.0:
            total = torch.cuda.get_device_properties(device).total_memory
            fraction = _for_tensors(total, share, context_bytes) / total
        # For a full share too: a reused worker must lose the last trial's limit.
        torch.cuda.set_per_process_memory_fraction(fraction, device)
    reset_peak_memory(device)


def _for_tensors(total: int, share: float, context_bytes: int) -> float:
    """Bytes that a share of a GPU leaves to tensors; at least 1 % of the GPU."""
    return max(total / 100, share * total - context_bytes)


def crowded(device: torch.device, share: float, *, context_bytes: int = 0) -> bool:
    """Whether other processes took memory that `open_device` promised to this process's tensors.

    Free memory and torch's reserved memory are added, so it does not matter whether tensors have
    been freed yet. One foreign context is tolerated, up to a quarter of the promised bytes.
    """
    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError as error:  # no room for a context, or CUDA fails every call
        return is_out_of_memory(error)
    promised = _for_tensors(total, share, context_bytes)
    return free + torch.cuda.memory_reserved(device) < promised - min(context_bytes, promised / 4)


def out_of_memory(
    error: BaseException, device: torch.device, share: float, *, context_bytes: int = 0
) -> bool:
    """Whether an exception means that memory ran out.

    CUDA libraries may fail for want of memory without reporting it. For their errors, the memory
    that other processes use on this GPU decides; see `crowded`.
    """
    if is_out_of_memory(error):
        return True
    if device.type != "cuda" or not is_library_failure(error):
        return False
    return crowded(device, share, context_bytes=context_bytes)


def sent(x: Tensor, device: torch.device) -> Tensor:
    """Copies a small CPU tensor to a device. The copy goes through pinned memory: without it,
    every step would wait for the GPU."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)


def release_memory(device: torch.device) -> None:
    """Frees unreachable models, and returns the memory that allocators keep for reuse."""
    gc.collect()
    _trim()
    if device.type == "cuda":
        # After a device-side assertion every call fails; the assertion's own message matters more.
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def _trim() -> None:
    """Returns freed memory to the system. glibc keeps the gaps between live blocks, about 4 MB
    more for each distinct network; other systems' allocators have no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def keep_survivors() -> None:
    """Excludes all objects alive now from garbage collection, once in a process.

    Call it after the first trial, when everything is imported and its memory released. Scanning
    the remaining objects, mostly torch's own, would cost a warm worker at least 0.2 s a trial.
    """
    gc.freeze()
    atexit.register(gc.unfreeze)  # otherwise extension modules report leaks at exit


def reset_peak_memory(device: torch.device) -> None:
    """Restarts the peak measurement. A GPU must have been opened with `open_device`."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        # Some containers forbid it; the peak then counts from the start of the process.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_bytes(b"5")


def peak_memory(device: torch.device) -> int:
    """Peak memory in bytes.

    On CUDA: the peak of tensors on the device since the reset. On a CPU: the peak resident size of
    the process, including interpreter and libraries, since the reset on Linux and since the start
    of the process elsewhere.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
