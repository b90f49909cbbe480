"""Decides which candidate may start now, given the memory that trials and other programs use."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from nas.campaign.backoff import Backoff
from nas.campaign.launch import Launcher
from nas.campaign.queue import WorkQueue
from nas.campaign.retry import title
from nas.ledger import LeasedCandidate
from nas.schema import BUSY, CROWDED, CampaignConfig, Outcome, Trial
from nas.working_time import awake


@dataclass
class Running:
    """A trial that was given to an executor."""

    leased: LeasedCandidate
    trial: Trial
    started_at: float | None = None
    """`awake()` when a worker started it; None before, when it uses no GPU memory."""

    @property
    def seconds(self) -> float:
        """Seconds since a worker started it; 0 before."""
        return 0.0 if self.started_at is None else awake() - self.started_at


class Admission:
    """Takes candidates from the work queue that fit the free memory, and postpones the others."""

    def __init__(
        self,
        config: CampaignConfig,
        queue: WorkQueue,
        launcher: Launcher,
        on_message: Callable[[str], None],
    ) -> None:
        self.waiting = Backoff()
        self._config = config
        self._queue = queue
        self._launcher = launcher
        self._on_message = on_message
        self._processes = 0
        """The largest number of worker processes that may hold memory on a GPU."""

    def mark_started(self, running: Running) -> None:
        """Notes that a worker has started a trial."""
        running.started_at = awake()
        self._processes = min(self._config.workers, self._processes + 1)

    def postpone(self, leased: LeasedCandidate, outcome: Outcome) -> float:
        """Postpones a candidate whose attempt lacked memory that other programs hold. Returns the
        seconds until the next attempt. If the attempt had not started training and there is no
        other GPU, all other candidates wait too."""
        other_gpus = self._config.gpus - len(self._launcher.memory.retired) > 1
        only_this = other_gpus or outcome.stage in (CROWDED, BUSY)
        return self.waiting.postpone(leased, everyone=not only_this)

    def next(self, running: Collection[Running]) -> LeasedCandidate | None:
        """The next candidate, leased; None if none may start now."""
        while not self.waiting.paused:
            leased = self.waiting.due()
            if leased is None:
                leased = self._queue.next(retries_only=self.waiting.full)
            if leased is None:
                return None
            if not self._fits_with(leased, running):
                self._queue.waiting.insert(0, leased)
                return None
            if self._has_room(leased, running):
                return leased
        return None

    def _fits_with(self, leased: LeasedCandidate, running: Collection[Running]) -> bool:
        """Whether a candidate may run next to the running ones. A suspect runs alone. On a CPU,
        trials share main memory; on GPUs the executor distributes the shares."""
        if not running:
            return True
        needs = [leased, *(each.leased for each in running)]
        if any(need.suspect for need in needs):
            return False
        if self._config.gpus:
            return True
        sizes = [(need.cost and need.cost.memory_bytes) or 0 for need in needs]
        return sum(sizes) + len(needs) * self._launcher.data_bytes <= self._launcher.device_bytes

    def _has_room(self, leased: LeasedCandidate, running: Collection[Running]) -> bool:
        """Whether some GPU could hold it without this campaign's own trials, for which the executor
        makes it wait. A candidate larger than a whole GPU returns True, and is refused later."""
        need = self._launcher.need(leased)
        if need > self._launcher.device_bytes:
            return True
        trials = [each.trial for each in running if each.started_at is not None]
        for anew in (False, True):  # a cached reading may contain a trial that has just ended
            rooms = self._launcher.room(trials, self._processes, anew=anew)
            if rooms is None or need <= max(rooms):
                return True
        if self.waiting.no_room(leased) and rooms is not None:
            self._on_message(
                f"{title(leased)}: waits for memory that other programs hold: needs"
                f" {need / 2**30:.1f} GiB of a GPU, {max(rooms) / 2**30:.1f} GiB are free"
            )
        return False
