"""Places trials on GPUs, in sixteenths of a device, first come first served.

A trial that fits nowhere waits, and at most PATIENCE later, smaller trials may start before it.
Then one GPU is drained for it: that GPU accepts no later trial until the waiting one has started,
while the other GPUs go on. So a slot that fits a waiting trial stays empty only on a draining GPU.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

WHOLE = 16
"""Parts of a GPU. Integers, so that shares sum exactly."""

PATIENCE = 7
"""Number of later trials that may start before a waiting one."""


def sixteenths(share: float | None) -> int:
    """Sixteenths of a GPU for a share in (0, 1], rounded up; None means a whole GPU."""
    return WHOLE if share is None else max(1, math.ceil(share * WHOLE - 1e-9))


@dataclass(eq=False)
class _Waiting:
    trial: int
    need: int
    number: int
    """Its place in the queue: lower numbers came first."""
    overtaken: int = 0
    drains: int | None = None
    """The GPU being drained for it, after PATIENCE is used up; None before."""


@dataclass(eq=False)
class _Gpu:
    trials: dict[int, _Waiting] = field(default_factory=dict)
    retired: bool = False
    room: int = WHOLE
    """Sixteenths that other programs leave free."""
    alone: bool = False
    """Whether it accepts only one process at a time."""

    @property
    def taken(self) -> int:
        if self.alone and self.trials:
            return WHOLE
        return sum(trial.need for trial in self.trials.values())


class Placing:
    """The queue of waiting trials, and the trials on each GPU. Trials are identified by numbers."""

    def __init__(self, gpus: int) -> None:
        self._gpus = [_Gpu() for _ in range(gpus)]
        self._line: list[_Waiting] = []
        self._numbers = 0

    # Queries

    @property
    def waiting(self) -> tuple[int, ...]:
        """The waiting trials in order of the queue."""
        return tuple(entry.trial for entry in self._line)

    @property
    def alive(self) -> tuple[int, ...]:
        """The GPUs that still accept trials."""
        return tuple(i for i, gpu in enumerate(self._gpus) if not gpu.retired)

    def taken(self, gpu: int) -> int:
        """Sixteenths of a GPU that trials use."""
        return self._gpus[gpu].taken

    def free(self, gpu: int) -> int:
        """Sixteenths of a GPU that neither trials nor other programs use; negative if they use more
        than there is."""
        return self._gpus[gpu].room - self._gpus[gpu].taken

    def crowd(self, gpu: int, idle: Mapping[T, int]) -> list[T]:
        """The idle processes on a GPU that do not fit beside its trials, largest first. `idle` maps
        each to the sixteenths it may still use: its last trial's share."""
        left, leaving = sum(idle.values()), []
        for process in sorted(idle, key=lambda process: -idle[process]):
            if left <= self.free(gpu):
                break
            left -= idle[process]
            leaving.append(process)
        return leaving

    def draining(self, gpu: int) -> bool:
        """Whether a GPU is being drained for a waiting trial."""
        return any(entry.drains == gpu for entry in self._line)

    def gpu_of(self, trial: int) -> int | None:
        """The GPU that runs a trial; None if the trial waits or is unknown."""
        return next((i for i, gpu in enumerate(self._gpus) if trial in gpu.trials), None)

    # Changes

    def enter(self, trial: int, need: int) -> None:
        """Adds a trial to the end of the queue; `need` in sixteenths.

        Raises ValueError for more than a whole GPU, which would never start.
        """
        if not 1 <= need <= WHOLE:
            raise ValueError(f"a trial needs 1 to {WHOLE} sixteenths of a GPU, not {need}")
        self._numbers += 1
        self._line.append(_Waiting(trial, need, self._numbers))

    def leave(self, trial: int) -> None:
        """Removes a trial that has ended or no longer waits."""
        self._line = [entry for entry in self._line if entry.trial != trial]
        for gpu in self._gpus:
            gpu.trials.pop(trial, None)

    def give_back(self, trial: int) -> None:
        """Puts a running trial back in the queue, at its former position."""
        for gpu in self._gpus:
            entry = gpu.trials.pop(trial, None)
            if entry is not None:
                self._line.append(entry)
                self._line.sort(key=lambda waiting: waiting.number)

    def leave_room(self, gpu: int, room: int) -> None:
        """Sets the sixteenths of a GPU that other programs leave free.

        A trial that needs more than any GPU has left gets the GPU with the most to itself: shares
        are rounded up, and other programs may never free their memory. So if nothing is left on
        any GPU, one trial per GPU fails for want of memory, and the campaign then waits.
        """
        self._gpus[gpu].room = max(0, min(WHOLE, room))

    def take_one_at_a_time(self, gpu: int) -> bool:
        """Limits a GPU to one process from now on; False if it was limited already."""
        before, self._gpus[gpu].alone = self._gpus[gpu].alone, True
        return not before

    def retire(self, gpu: int) -> None:
        """Closes a GPU to new trials; running ones stay until they `leave` or are given back."""
        self._gpus[gpu].retired = True

    def place(self, most: float = math.inf) -> list[tuple[int, int]]:
        """Assigns GPUs to at most `most` waiting trials that fit now: `(trial, gpu)`, in order of
        the queue."""
        placed: list[tuple[int, int]] = []
        self._drain()
        for entry in tuple(self._line):
            if len(placed) >= most:
                break
            gpu = self._choose(entry)
            if gpu is None:
                continue
            placed.append((entry.trial, gpu))
            self._line.remove(entry)
            entry.drains = None
            self._gpus[gpu].trials[entry.trial] = entry
            for earlier in self._before(entry):
                earlier.overtaken = min(PATIENCE, earlier.overtaken + 1)
            self._drain()
        return placed

    # Choosing

    def _before(self, entry: _Waiting) -> list[_Waiting]:
        return [other for other in self._line if other.number < entry.number]

    def _choose(self, entry: _Waiting) -> int | None:
        """The emptiest GPU that fits, so that trials spread. If another trial waits before this
        one, the fullest, so that the emptiest can empty further. None if none fits."""
        before = self._before(entry)
        closed = {other.drains for other in before}
        rooms = {i: self.free(i) for i in self.alive if i not in closed}
        fits = [i for i, free in rooms.items() if free >= self._least(entry)]
        after = [other.need for other in self._line if other.number > entry.number]

        def spoils(gpu: int) -> bool:
            """Whether a later trial that fits now would no longer fit."""
            left = max(r - entry.need if i == gpu else r for i, r in rooms.items())
            return any(left < need <= max(rooms.values()) for need in after)

        return min(
            fits,
            key=lambda i: (spoils(i), rooms[i] if before else -rooms[i], i),
            default=None,
        )

    def _least(self, entry: _Waiting) -> int:
        """Its need, or the most that other programs leave on any GPU if that is less."""
        return min(entry.need, max((self._gpus[i].room for i in self.alive), default=WHOLE))

    def _drain(self) -> None:
        """Chooses a GPU to drain for each trial whose PATIENCE is used up. It must fit the trial
        when empty; among those, the one with the most free, counting other drains as taken."""
        for entry in self._line:
            if entry.overtaken < PATIENCE:
                continue
            can = [i for i in self.alive if self._gpus[i].room >= self._least(entry)]
            if entry.drains in can:
                continue
            entry.drains = None
            claims = {i: sum(e.need for e in self._line if e.drains == i) for i in can}
            entry.drains = max(can, key=lambda i: (self.free(i) - claims[i], -i), default=None)
