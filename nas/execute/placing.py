"""Which trial goes to which GPU, and who waits: in sixteenths of a device, first in line first.

A trial that nothing has room for waits, and later, smaller ones may start before it: PATIENCE of
them at most. Then one GPU is drained for it, which takes no later trial until it has started;
the other GPUs go on. So a slot that a waiting trial would fit is empty on a draining GPU only.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

WHOLE = 16
"""Parts of a GPU. Integers, so that shares add up exactly."""

PATIENCE = 7
"""How many later trials may start before a waiting one."""


def sixteenths(share: float | None) -> int:
    """A share of a GPU in (0, 1], rounded up; None asks for a whole one."""
    return WHOLE if share is None else max(1, math.ceil(share * WHOLE - 1e-9))


@dataclass(eq=False)
class _Waiting:
    trial: int
    need: int
    number: int
    """Its place in line: lower numbers came first."""
    overtaken: int = 0
    drains: int | None = None
    """The GPU that is drained for it, once its patience is used up."""


@dataclass(eq=False)
class _Gpu:
    trials: dict[int, _Waiting] = field(default_factory=dict)
    retired: bool = False
    room: int = WHOLE
    """What other programs leave of it."""
    alone: bool = False
    """It takes one process at a time."""

    @property
    def taken(self) -> int:
        if self.alone and self.trials:
            return WHOLE
        return sum(trial.need for trial in self.trials.values())


class Placing:
    """The line of waiting trials, and what runs on each GPU. Trials are known by a number."""

    def __init__(self, gpus: int) -> None:
        self._gpus = [_Gpu() for _ in range(gpus)]
        self._line: list[_Waiting] = []
        self._numbers = 0

    # Asking

    @property
    def waiting(self) -> tuple[int, ...]:
        """The trials in line, first in line first."""
        return tuple(entry.trial for entry in self._line)

    @property
    def alive(self) -> tuple[int, ...]:
        """The GPUs that still take trials."""
        return tuple(i for i, gpu in enumerate(self._gpus) if not gpu.retired)

    def taken(self, gpu: int) -> int:
        """Sixteenths of a GPU that trials have."""
        return self._gpus[gpu].taken

    def free(self, gpu: int) -> int:
        """Sixteenths of a GPU that no trial and no other program has; below 0 where they have more
        than there is."""
        return self._gpus[gpu].room - self._gpus[gpu].taken

    def crowd(self, gpu: int, idle: Mapping[T, int]) -> list[T]:
        """Which of the idle processes on a GPU have no room there beside its trials, largest first;
        each with what it may still have, in sixteenths: what its last trial had."""
        left, leaving = sum(idle.values()), []
        for process in sorted(idle, key=lambda process: -idle[process]):
            if left <= self.free(gpu):
                break
            left -= idle[process]
            leaving.append(process)
        return leaving

    def draining(self, gpu: int) -> bool:
        """Whether it takes nobody but those that it is drained for."""
        return any(entry.drains == gpu for entry in self._line)

    def gpu_of(self, trial: int) -> int | None:
        """Where a trial runs; None for one that waits, or that is not known."""
        return next((i for i, gpu in enumerate(self._gpus) if trial in gpu.trials), None)

    # Telling

    def enter(self, trial: int, need: int) -> None:
        """A trial joins the end of the line; `need` in sixteenths.

        Raises ValueError for more than a whole GPU, which would wait for ever.
        """
        if not 1 <= need <= WHOLE:
            raise ValueError(f"a trial needs 1 to {WHOLE} sixteenths of a GPU, not {need}")
        self._numbers += 1
        self._line.append(_Waiting(trial, need, self._numbers))

    def leave(self, trial: int) -> None:
        """A trial has ended, or waits no longer."""
        self._line = [entry for entry in self._line if entry.trial != trial]
        for gpu in self._gpus:
            gpu.trials.pop(trial, None)

    def give_back(self, trial: int) -> None:
        """A running trial waits again, where it stood in line before."""
        for gpu in self._gpus:
            entry = gpu.trials.pop(trial, None)
            if entry is not None:
                self._line.append(entry)
                self._line.sort(key=lambda waiting: waiting.number)

    def leave_room(self, gpu: int, room: int) -> None:
        """Other programs leave `room` sixteenths of a GPU. A trial that asks for more than is left
        of any has the GPU with the most to itself: its share is rounded up, and waiting for what
        others keep for ever would be for ever. So where nothing is left of any, one trial a GPU
        finds that out, and its campaign waits."""
        self._gpus[gpu].room = max(0, min(WHOLE, room))

    def take_one_at_a_time(self, gpu: int) -> bool:
        """From now on a trial has that GPU to itself; False where that is so already."""
        before, self._gpus[gpu].alone = self._gpus[gpu].alone, True
        return not before

    def retire(self, gpu: int) -> None:
        """A GPU takes no more trials; those on it run on until they `leave` or are given back."""
        self._gpus[gpu].retired = True

    def place(self, most: float = math.inf) -> list[tuple[int, int]]:
        """Gives GPUs to those in line that can have one now, so many at most: `(trial, gpu)`,
        first in line first."""
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
        """The emptiest GPU with room, so that trials spread; where somebody waits before this one,
        the fullest, so that the emptiest gets emptier. None where nothing has room."""
        before = self._before(entry)
        closed = {other.drains for other in before}
        rooms = {i: self.free(i) for i in self.alive if i not in closed}
        fits = [i for i, free in rooms.items() if free >= self._least(entry)]
        after = [other.need for other in self._line if other.number > entry.number]

        def spoils(gpu: int) -> bool:
            """Whether somebody behind, who has room now, would have none."""
            left = max(r - entry.need if i == gpu else r for i, r in rooms.items())
            return any(left < need <= max(rooms.values()) for need in after)

        return min(
            fits,
            key=lambda i: (spoils(i), rooms[i] if before else -rooms[i], i),
            default=None,
        )

    def _least(self, entry: _Waiting) -> int:
        """What it needs, or all of what others leave at most."""
        return min(entry.need, max((self._gpus[i].room for i in self.alive), default=WHOLE))

    def _drain(self) -> None:
        """Gives each whose patience is used up a GPU to drain that can hold it once it is empty:
        the soonest empty, as far as shares tell, what is drained already counting as taken."""
        for entry in self._line:
            if entry.overtaken < PATIENCE:
                continue
            can = [i for i in self.alive if self._gpus[i].room >= self._least(entry)]
            if entry.drains in can:
                continue
            entry.drains = None
            claims = {i: sum(e.need for e in self._line if e.drains == i) for i in can}
            entry.drains = max(can, key=lambda i: (self.free(i) - claims[i], -i), default=None)
