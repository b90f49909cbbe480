"""The owner of a lease: one driver process, identifiable after its death."""

import os
import socket
import uuid
from dataclasses import dataclass
from typing import Self

import psutil

LEASE_SECONDS = 60.0
"""Duration of a lease; a living driver renews it continually."""
_CLOCKS_DIFFER_SECONDS = 60.0


def beyond(lease_until: float, now: float, lease_seconds: float = LEASE_SECONDS) -> bool:
    """Whether a lease ends later than any valid one, allowing for clock differences. Such a lease
    is ignored; otherwise a campaign could wait for it for ever."""
    return lease_until > now + lease_seconds + _CLOCKS_DIFFER_SECONDS


@dataclass(frozen=True, slots=True)
class Owner:
    """A driver: host, process and the process's start time, since pids are reused."""

    host: str
    pid: int
    started: int
    nonce: str

    @classmethod
    def me(cls) -> Self:
        """This process; each call returns a new owner."""
        pid = os.getpid()
        started = round(psutil.Process(pid).create_time() * 100)
        return cls(socket.gethostname(), pid, started, uuid.uuid4().hex[:8])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`. Raises ValueError for text that is not an owner."""
        host, pid, started, nonce = text.rsplit("/", 3)
        owner = cls(host, int(pid), int(started), nonce)
        if not (0 < owner.pid < 2**31 and 0 <= owner.started < 2**53):
            raise ValueError(f"there is no process {pid} with start time {started}")
        return owner

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.started}/{self.nonce}"

    def is_here(self) -> bool:
        """Whether it runs, or ran, on this host."""
        return self.host == socket.gethostname()

    def surely_dead(self) -> bool:
        """True if it ran on this host and its process is gone; False if in doubt."""
        if not self.is_here():
            return False
        try:
            process = psutil.Process(self.pid)
            # Start times have a resolution of 10 ms and drift when the clock is corrected.
            return (
                process.status() == psutil.STATUS_ZOMBIE
                or abs(process.create_time() * 100 - self.started) > 200
            )
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False
