"""Free memory of each GPU, and this campaign's use of it, without a CUDA context here."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from nas.hardware.devices import Gpu, gpus_available, visible_device
from nas.processes.programs import output_of
from nas.processes.sandbox import Sandbox

LOOK_SECONDS, ANEW_SECONDS = 2.0, 1.0
CHILD_SECONDS = 60.0
"""Maximum age of a reading in seconds: by nvidia-smi, or by a child process, which is slow."""
BUSY_SHARE = 0.05
"""Maximum share of time spent on reading: nvidia-smi takes a second on some machines."""
_MIB = 2**20
_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Memory of one GPU, in bytes."""

    total: int
    free: int
    ours: int | None = None
    """Used by this process and its descendants; None if the driver names no processes that this
    system knows, as in most containers."""

    def room(self, share: float, kept: int) -> int:
        """Bytes that a campaign can use: free memory and that of its own processes.

        If the owner of used memory is unknown, it counts as the campaign's, up to what the campaign
        may use: `share` of the GPU for running trials, and `kept` bytes that its processes keep
        between trials. Otherwise the campaign could wait for its own memory for ever.
        """
        ours = self.ours
        if ours is None:
            most = int(min(1.0, share) * self.total) + kept
            ours = min(self.total - self.free, most)
        return min(self.total, self.free + ours)


Look = tuple[GpuMemory | None, ...]
"""Memory by GPU, in CUDA's order; None where unknown."""


class MemoryReader:
    """Reads the memory of the first `gpus` GPUs, again only if the last reading is too old."""

    def __init__(self, gpus: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.retired: set[int] = set()
        """GPUs that are no longer read."""
        self._count = gpus
        self._clock = clock
        self._last: Look = ()
        self._quick = False
        self._at = float("-inf")
        self._took = 0.0

    def look(self, *, anew: bool = False) -> Look:
        """The memory of each GPU, at most some seconds old; with `anew` about one second, if
        nvidia-smi gives it."""
        usual = LOOK_SECONDS if self._quick else CHILD_SECONDS
        oldest = min(usual, ANEW_SECONDS) if anew and self._quick else usual
        start = self._clock()
        if self._count and start - self._at >= max(oldest, self._took / BUSY_SHARE):
            self._last, self._quick = self._look()
            self._at = self._clock()
            self._took = self._at - start
        return self._last

    def retire(self, gpu: int) -> None:
        """Stops reading a GPU that does not work; its memory is then unknown."""
        self.retired.add(gpu)

    def _look(self) -> tuple[Look, bool]:
        """A new reading, and whether nvidia-smi gave all of it."""
        gpus = gpus_available()[: self._count]
        if len(gpus) < self._count:
            return (None,) * self._count, False
        answers = by_nvidia_smi(gpus)
        found = {i: answers[i] for i in range(self._count) if i not in self.retired}
        missing = [gpu for gpu, memory in found.items() if memory is None]
        if missing:
            found |= _by_child(missing)
        return tuple(found.get(gpu) for gpu in range(self._count)), not missing


def _by_child(gpus: list[int]) -> dict[int, GpuMemory | None]:
    """Readings by CUDA: of all GPUs in one process, and each missing one in a process that sees no
    other GPU, because one broken GPU may make the first process fail for all."""
    found = _by_sandbox(gpus, None)
    for gpu in gpus:
        if len(gpus) > 1 and found[gpu] is None:
            found[gpu] = _by_sandbox([0], visible_device(gpu))[0]
    return found


def _by_sandbox(gpus: list[int], visible_devices: str | None) -> dict[int, GpuMemory | None]:
    with Sandbox(visible_devices, cuda=True) as sandbox:
        answer = sandbox.call(mem_get_info, gpus, timeout=_TIMEOUT)
    answers = answer.value if answer.ok else [None] * len(gpus)
    return {
        gpu: None if info is None else GpuMemory(total=info[1], free=info[0])
        for gpu, info in zip(gpus, answers, strict=True)
    }


def mem_get_info(gpus: list[int]) -> list[tuple[int, int] | None]:
    """(free, total) bytes of GPUs from CUDA, None on an error. Run it in a short-lived process.

    CUDA needs a context for the answer: if there is no room for one, nothing is free."""
    import torch

    from nas.faults import is_out_of_memory

    found: list[tuple[int, int] | None] = []
    for gpu in gpus:
        try:
            found.append(torch.cuda.mem_get_info(gpu))
        except RuntimeError as error:
            full = is_out_of_memory(error)
            total = torch.cuda.get_device_properties(gpu).total_memory if full else 0
            found.append((0, total) if full else None)
    return found


def by_nvidia_smi(gpus: Iterable[Gpu]) -> Look:
    """The memory of these GPUs, matched by UUID, from NVIDIA's command-line tool."""
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
    lines = (output_of(command, _TIMEOUT) or "").splitlines()
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    return [row for row in rows if len(row) == columns.count(",") + 1]


def _family() -> set[int]:
    """This process and its descendants."""
    me = psutil.Process()
    return {me.pid, *(child.pid for child in me.children(recursive=True))}
