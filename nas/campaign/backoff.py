"""Candidates that wait for memory that others hold, and how long."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from nas.ledger import LeasedCandidate
from nas.working_time import awake

FIRST_SECONDS, LONGEST_SECONDS = 10.0, 300.0
"""Before a candidate is tried again: twice as long each time."""
GIVE_UP_SECONDS = 3600.0
"""Without any trial getting on, after which the campaign stops, resumable."""
LOOK_SECONDS = 5.0
"""Before the room is looked at again for a candidate that was not tried."""
MOST = 8
"""Candidates that wait at once; the campaign draws no others beyond that."""


def delays() -> Iterator[float]:
    """Seconds to wait after each try in a row, until waiting is given up."""
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
class _PutOff:
    claim: LeasedCandidate
    due: float


class Backoff:
    """What was put off, and for how long. A trial that gets on shows that there is memory."""

    def __init__(self, clock: Callable[[], float] = awake) -> None:
        self._clock = clock
        self._put_off: list[_PutOff] = []
        self._tries: dict[int, int] = {}
        """By candidate: how often it was put off after a try."""
        self._announced: set[int] = set()
        self._paused_until = 0.0
        self._since: float | None = None
        """When the first was put off that no trial has got on after."""

    def __len__(self) -> int:
        return len(self._put_off)

    @property
    def paused(self) -> bool:
        """Nothing at all is to be tried now."""
        return self._clock() < self._paused_until

    @property
    def full(self) -> bool:
        """Nothing new is to be begun while so many wait."""
        return len(self._put_off) >= MOST

    @property
    def hopeless(self) -> bool:
        """Something waits, and nothing has got on for too long."""
        if not self._put_off:
            return False
        return self._since is not None and self._clock() - self._since > GIVE_UP_SECONDS

    def refused(self, claim: LeasedCandidate, *, everyone: bool) -> float:
        """A try ended for want of memory; the seconds until the next. Where the candidate had not
        even begun, `everyone` else would fare alike, and nothing is tried before."""
        tries = self._tries.get(claim.id, 0)
        seconds = _delay(tries)
        self._tries[claim.id] = tries + 1
        self._add(claim, seconds)
        if everyone:
            self._paused_until = self._clock() + seconds
        return seconds

    def no_room(self, claim: LeasedCandidate) -> bool:
        """It is not tried, for there is no room for it now. True the first time."""
        self._add(claim, LOOK_SECONDS)
        first = claim.id not in self._announced
        self._announced.add(claim.id)
        return first

    def got_on(self) -> None:
        """A trial had the memory it needed."""
        self._since = None
        self._paused_until = 0.0

    def due(self) -> LeasedCandidate | None:
        """The next to be tried again, first put off first; None while there is none."""
        now = self._clock()
        for entry in self._put_off:
            if entry.due <= now:
                self._put_off.remove(entry)
                return entry.claim
        return None

    def _add(self, claim: LeasedCandidate, seconds: float) -> None:
        now = self._clock()
        self._put_off.append(_PutOff(claim, now + seconds))
        if self._since is None:
            self._since = now
