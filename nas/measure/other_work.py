"""How busy other programs keep the machine while something is measured."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import process_time

import psutil

TOO_BUSY = 0.1
"""A share of the CPUs that other programs use: above it, times are longer than on an idle
machine."""


@dataclass(slots=True)
class OtherWork:
    """What was seen, once the measurement has ended."""

    share: float = 0.0
    """Of the machine's CPU time, what programs other than this process used, in [0, 1]."""
    load: float = 0.0
    """The machine's load average of the last minute."""

    @property
    def disturbs(self) -> bool:
        """Whether measured times are too long because of it."""
        return self.share > TOO_BUSY


@contextmanager
def other_work() -> Iterator[OtherWork]:
    """Watches what else the machine does, in the `with` block."""
    seen = OtherWork()
    before, own = psutil.cpu_times(), process_time()
    yield seen
    after, own = psutil.cpu_times(), process_time() - own
    seen.share = share_of_others(before, after, own)
    seen.load = os.getloadavg()[0]


def share_of_others(before: tuple[float, ...], after: tuple[float, ...], own: float) -> float:
    """Of all CPU time between two readings of `psutil.cpu_times`, the part that was busy, less
    `own` seconds of this process; 0 where the system counts none."""
    idle = sum(_idle(after)) - sum(_idle(before))
    total = sum(_counted(after)) - sum(_counted(before))
    return max(0.0, (total - idle - own) / total) if total > 0 else 0.0


def _idle(times: tuple[float, ...]) -> Iterator[float]:
    return (getattr(times, name, 0.0) for name in ("idle", "iowait"))


def _counted(times: tuple[float, ...]) -> Iterator[float]:
    """Without what virtual machines used, which is part of `user` and `nice` as well."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return (getattr(times, name, 0.0) for name in names)
