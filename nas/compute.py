"""Where and in what precision a model computes, and how much memory that took."""

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
"""Also on a CPU: a training step of a small timm network takes 5 to 40 % less time in it."""


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
    """How many threads an operation on the CPU may use in this process."""
    torch.set_num_threads(count)


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16: CPUs do, and GPUs from BF16_CAPABILITY on."""
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= BF16_CAPABILITY


def resolved(precision: str, device: torch.device) -> str:
    """`bf16` or `fp32`: what a recipe's precision is on a device.

    `auto` is bf16 on a GPU and fp32 on a CPU. bf16 becomes fp32 on a GPU that has none.
    """
    wanted = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return "bf16" if wanted and has_bf16(device) else "fp32"


def open_device(device: torch.device, share: float = 1.0, *, context_bytes: int = 0) -> None:
    """Makes a device this process's own for one trial, which may take `share` of its memory.

    Of a smaller share than 1 torch's tensors may take what `context_bytes`, which torch does not
    count, leave of it: so workers side by side stay within their shares.

    The order is CUDA's: statistics of a device that it was not started on raise. A first
    allocation makes the context, so what stands in its way is told here, not in a model's name.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.empty(1, device=device)
        fraction = share
        if share < 1.0:
            total = torch.cuda.get_device_properties(device).total_memory
            fraction = _for_tensors(total, share, context_bytes) / total
        # Also for a whole one: a reused worker must lose the last trial's.
        torch.cuda.set_per_process_memory_fraction(fraction, device)
    reset_peak_memory(device)


def _for_tensors(total: int, share: float, context_bytes: int) -> float:
    """Bytes that a share of a GPU leaves to tensors: one per cent of it at least."""
    return max(total / 100, share * total - context_bytes)


def crowded(device: torch.device, share: float, *, context_bytes: int = 0) -> bool:
    """Whether a GPU has less for this process's tensors than `open_device` promised: others took
    it.

    What torch took and what is free are looked at, so before or after its tensors are freed. A
    context more than its own is allowed for, as far as it is a quarter of what was promised.
    """
    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError as error:  # there is no room for a context, or CUDA fails every call
        return is_out_of_memory(error)
    promised = _for_tensors(total, share, context_bytes)
    return free + torch.cuda.memory_reserved(device) < promised - min(context_bytes, promised / 4)


def out_of_memory(
    error: BaseException, device: torch.device, share: float, *, context_bytes: int = 0
) -> bool:
    """Whether memory ran out, by what an exception says or, where a library of CUDA's gave up
    perhaps for want of room, by what others have of this GPU; see `crowded`."""
    if is_out_of_memory(error):
        return True
    if device.type != "cuda" or not is_library_failure(error):
        return False
    return crowded(device, share, context_bytes=context_bytes)


def sent(x: Tensor, device: torch.device) -> Tensor:
    """A small tensor of the CPU on a device. Nothing waits for a GPU to take it: a copy from
    memory that is not pinned would, in every step."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)


def release_memory(device: torch.device) -> None:
    """Frees unreachable models and gives back what allocators keep of them."""
    gc.collect()
    _trim()
    if device.type == "cuda":
        # A device-side assertion makes every later call fail; its own message matters more.
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def _trim() -> None:
    """Gives freed memory back to the machine. glibc keeps what lies between pieces in use, which
    grew by 4 MB a distinct network; other systems' allocators have no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def keep_survivors() -> None:
    """Once in a process, when its first trial has imported everything and its memory is released:
    from here on the collector passes over what is alive now, torch's own objects mostly. Looking
    through those takes 0.2 s or more, and a warm worker would pay that at every trial."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # or extension modules complain of leaks at the end


def reset_peak_memory(device: torch.device) -> None:
    """Starts a new peak; on a GPU that `open_device` opened."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        # Not every container allows it; the peak then counts from the process's start.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_bytes(b"5")


def peak_memory(device: torch.device) -> int:
    """Bytes. On CUDA the most that tensors took on the device since the reset; on a CPU the
    process's largest resident size, interpreter and libraries included: since the reset on
    Linux, since the process began elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
