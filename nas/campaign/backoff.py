"""Exponential backoff for candidates that lack memory which other programs hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from nas.ledger import LeasedCandidate
from nas.working_time import awake

FIRST_SECONDS, LONGEST_SECONDS = 10.0, 300.0
"""Delays before a candidate is tried again: doubled each time, up to the longest."""
GIVE_UP_SECONDS = 3600.0
"""The campaign stops, resumable, if no trial has made progress for this long."""
LOOK_SECONDS = 5.0
"""Delay before free memory is checked again for a candidate that was not tried."""
MAX_WAITING = 8
"""The largest number of waiting candidates; the campaign then draws no others."""


def delays() -> Iterator[float]:
    """The delays in seconds after successive attempts, until waiting is given up."""
    waited = 0.0
    for tries in count():
        seconds = _delay(tries)
        waited += seconds
        if waited > GIVE_UP_SECONDS:
            return
        yield seconds


def _delay(tries: int) -> float:
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0**tries)


@dataclass(frozen=True)
class _Postponed:
    leased: LeasedCandidate
    due: float


class Backoff:
    """The postponed candidates and their delays. A trial's progress shows that there is memory."""

    def __init__(self, clock: Callable[[], float] = awake) -> None:
        self._clock = clock
        self._postponed: list[_Postponed] = []
        self._tries: dict[int, int] = {}
        """By candidate: how often it was postponed after an attempt."""
        self._announced: set[int] = set()
        self._paused_until = 0.0
        self._since: float | None = None
        """When a candidate was first postponed since the last progress of a trial."""

    def __len__(self) -> int:
        return len(self._postponed)

    @property
    def paused(self) -> bool:
        """Whether no candidate may be tried now."""
        return self._clock() < self._paused_until

    @property
    def full(self) -> bool:
        """Whether so many candidates wait that no new one may start."""
        return len(self._postponed) >= MAX_WAITING

    @property
    def gave_up(self) -> bool:
        """Whether candidates wait and no trial has made progress for GIVE_UP_SECONDS."""
        if not self._postponed:
            return False
        return self._since is not None and self._clock() - self._since > GIVE_UP_SECONDS

    def postpone(self, leased: LeasedCandidate, *, everyone: bool) -> float:
        """Postpones a candidate whose attempt lacked memory. Returns the seconds until the next
        attempt; with `everyone`, no other candidate is tried before then."""
        tries = self._tries.get(leased.id, 0)
        seconds = _delay(tries)
        self._tries[leased.id] = tries + 1
        self._add(leased, seconds)
        if everyone:
            self._paused_until = self._clock() + seconds
        return seconds

    def no_room(self, leased: LeasedCandidate) -> bool:
        """Postpones a candidate that does not fit now, without an attempt. Returns whether this is
        the first time."""
        self._add(leased, LOOK_SECONDS)
        first = leased.id not in self._announced
        self._announced.add(leased.id)
        return first

    def reset(self) -> None:
        """Ends the pause and restarts the count to GIVE_UP_SECONDS: a trial had enough memory."""
        self._since = None
        self._paused_until = 0.0

    def due(self) -> LeasedCandidate | None:
        """The next candidate to try again, in the order of postponement; None if none is due."""
        now = self._clock()
        for entry in self._postponed:
            if entry.due <= now:
                self._postponed.remove(entry)
                return entry.leased
        return None

    def _add(self, leased: LeasedCandidate, seconds: float) -> None:
        now = self._clock()
        self._postponed.append(_Postponed(leased, now + seconds))
        if self._since is None:
            self._since = now
