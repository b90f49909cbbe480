"""Which candidate may start now: beside what runs here, and beside what others hold."""

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
    """A trial that an executor has."""

    claim: LeasedCandidate
    trial: Trial
    begun: float | None = None
    """`awake()` when a worker took it up; until then it has nothing of a GPU."""

    @property
    def seconds(self) -> float:
        """Since then."""
        return 0.0 if self.begun is None else awake() - self.begun


class Admission:
    """Takes candidates from the agenda as there is memory for them, and puts off the others."""

    def __init__(
        self,
        config: CampaignConfig,
        agenda: WorkQueue,
        launcher: Launcher,
        say: Callable[[str], None],
    ) -> None:
        self.waiting = Backoff()
        self._config = config
        self._agenda = agenda
        self._launcher = launcher
        self._say = say
        self._processes = 0
        """How many at most have been on a GPU, and may keep something there."""

    def begun(self, running: Running) -> None:
        """A worker has taken a trial up."""
        running.begun = awake()
        self._processes = min(self._config.workers, self._processes + 1)

    def refused(self, claim: LeasedCandidate, outcome: Outcome) -> float:
        """A try ended for want of memory that others hold; the seconds until the next. Where it
        had not even begun, and there is nowhere else to go, all others would fare alike and wait
        too."""
        elsewhere = self._config.gpus - len(self._launcher.memory.left_out) > 1
        alone = elsewhere or outcome.stage in (CROWDED, BUSY)
        return self.waiting.refused(claim, everyone=not alone)

    def next(self, running: Collection[Running]) -> LeasedCandidate | None:
        """The next candidate, leased; None when there is none that may start now."""
        while not self.waiting.paused:
            claim = self.waiting.due()
            if claim is None:
                claim = self._agenda.next(retries_only=self.waiting.full)
            if claim is None:
                return None
            if not self._fits_beside(claim, running):
                self._agenda.waiting.insert(0, claim)
                return None
            if self._has_room(claim, running):
                return claim
        return None

    def _fits_beside(self, claim: LeasedCandidate, running: Collection[Running]) -> bool:
        """A suspect runs alone. On a CPU trials share one memory; a GPU's shares are the executor's
        to deal out."""
        if not running:
            return True
        needs = [claim, *(each.claim for each in running)]
        if any(need.suspect for need in needs):
            return False
        if self._config.gpus:
            return True
        sizes = [(need.cost and need.cost.memory_bytes) or 0 for need in needs]
        return sum(sizes) + len(needs) * self._launcher.data_bytes <= self._launcher.device_bytes

    def _has_room(self, claim: LeasedCandidate, running: Collection[Running]) -> bool:
        """Whether some GPU could hold it, were it not for this campaign's own trials, whom the
        executor has it wait for. What is larger than a whole GPU is refused, not waited for."""
        need = self._launcher.need(claim)
        if need > self._launcher.device_bytes:
            return True
        trials = [each.trial for each in running if each.begun is not None]
        for anew in (False, True):  # a trial that has just ended may be in an older look
            rooms = self._launcher.room(trials, self._processes, anew=anew)
            if rooms is None or need <= max(rooms):
                return True
        if self.waiting.no_room(claim) and rooms is not None:
            self._say(
                f"{title(claim)}: waits for memory that others hold: needs {need / 2**30:.1f} GiB"
                f" of a GPU, {max(rooms) / 2**30:.1f} GiB are to be had"
            )
        return False
