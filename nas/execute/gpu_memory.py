"""What is free on each GPU and what this campaign holds there, without a CUDA context here."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from nas.execute.devices import Gpu, gpus_available
from nas.execute.sandbox import Sandbox
from nas.execute.tools import said

LOOK_SECONDS, ANEW_SECONDS = 2.0, 1.0
CHILD_SECONDS = 60.0
"""How old a look may be: by nvidia-smi, or by a child process, which is slow."""
BUSY_SHARE = 0.05
"""Of its time nobody spends more on looking: nvidia-smi takes a second on some machines."""
_MIB = 2**20
_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """One GPU, in bytes."""

    total: int
    free: int
    ours: int | None = None
    """What this process and its descendants hold; None where the driver names no processes that
    this system knows, as in most containers."""

    def room(self, share: float, kept: int) -> int:
        """What a campaign can have: what is free, and what its own processes hold.

        Where nobody says whose memory is taken, it counts as the campaign's own as far as that may
        have so much, with this share of the GPU in trials and so many bytes that its processes
        keep between trials: to wait for what one holds oneself would be for ever.
        """
        ours = self.ours
        if ours is None:
            most = int(min(1.0, share) * self.total) + kept
            ours = min(self.total - self.free, most)
        return min(self.total, self.free + ours)


Look = tuple[GpuMemory | None, ...]
"""By GPU, in CUDA's order; None where nothing is known."""


class MemoryReader:
    """Looks at the first GPUs, and again when the last look is too old."""

    def __init__(self, gpus: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = gpus
        self._clock = clock
        self._last: Look = ()
        self._quick = False
        self._at = float("-inf")
        self._took = 0.0

    def look(self, *, anew: bool = False) -> Look:
        """The memory of each GPU, some seconds old at most; with `anew` about one second, where
        looking is quick."""
        usual = LOOK_SECONDS if self._quick else CHILD_SECONDS
        oldest = min(usual, ANEW_SECONDS) if anew and self._quick else usual
        start = self._clock()
        if self._count and start - self._at >= max(oldest, self._took / BUSY_SHARE):
            self._last, self._quick = self._look()
            self._at = self._clock()
            self._took = self._at - start
        return self._last

    def _look(self) -> tuple[Look, bool]:
        """And whether it was nvidia-smi that said it."""
        gpus = gpus_available()[: self._count]
        nothing: Look = (None,) * self._count
        if len(gpus) < self._count:
            return nothing, False
        found = by_nvidia_smi(gpus)
        if None not in found:
            return found, True
        with Sandbox() as sandbox:
            answer = sandbox.call(mem_get_info, self._count, timeout=_TIMEOUT)
        if not answer.ok:
            return nothing, False
        return tuple(GpuMemory(total, free) for free, total in answer.value), False


def mem_get_info(count: int) -> list[tuple[int, int]]:
    """(free, total) of the first GPUs, as CUDA says it: for a process that soon ends."""
    import torch

    return [torch.cuda.mem_get_info(gpu) for gpu in range(count)]


def by_nvidia_smi(gpus: Iterable[Gpu]) -> Look:
    """What the driver's own tool says of these GPUs, known by their UUID."""
    memory = {
        uuid: (int(total) * _MIB, int(free) * _MIB)
        for uuid, total, free in _query("gpu", "uuid,memory.total,memory.free")
        if total.isdigit() and free.isdigit()
    }
    held: dict[str, dict[int, int]] = {}
    for uuid, pid, used in _query("compute-apps", "gpu_uuid,pid,used_memory"):
        if pid.isdigit() and used.isdigit():
            held.setdefault(uuid, {})[int(pid)] = int(used) * _MIB
    family = _family()
    found: list[GpuMemory | None] = []
    for gpu in gpus:
        uuid = gpu.uuid if gpu.uuid.startswith("GPU-") else f"GPU-{gpu.uuid}"
        if uuid not in memory:
            found.append(None)
            continue
        total, free = memory[uuid]
        processes = held.get(uuid, {})
        named = all(psutil.pid_exists(pid) for pid in processes)
        ours = sum(used for pid, used in processes.items() if pid in family)
        found.append(GpuMemory(total, free, ours if processes and named else None))
    return tuple(found)


def _query(what: str, columns: str) -> list[list[str]]:
    command = ["nvidia-smi", f"--query-{what}={columns}", "--format=csv,noheader,nounits"]
    lines = (said(command, _TIMEOUT) or "").splitlines()
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    return [row for row in rows if len(row) == columns.count(",") + 1]


def _family() -> set[int]:
    """This process and its descendants."""
    me = psutil.Process()
    return {me.pid, *(child.pid for child in me.children(recursive=True))}
