"""A driver with a script, for executors; and the processes that they leave."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from nas.execute import Idle
from nas.schema import Candidate, Epoch, Outcome, Recipe, Status, Task, Trial

EVALUATE = "fake_evaluate:evaluate"
CHECK = "fake_evaluate:check"
CANDIDATE = Candidate(
    template="moe4", template_hash="0", image_size=32, recipe=Recipe(), task=Task()
)


class ScriptedDriver:
    """Hands out scripted trials and records every call of the executor, in order."""

    def __init__(
        self,
        scripts: Sequence[str],
        folder: Path,
        *,
        stop_at: int | None = None,
        **fields: object,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.trials = [
            Trial(
                attempt=number,
                candidate=CANDIDATE,
                code=script,
                folder=str(folder),
                stop_file=str(folder / "stop"),
                data_root="",
                **fields,  # type: ignore[arg-type]
            )
            for number, script in enumerate(scripts, start=1)
        ]
        self.stop_at = stop_at
        self.abort = False
        self.holds_up = 0.0
        """Seconds the driver is lost to the world when the first epoch comes."""
        self.waits = 0
        """How many times to say WAIT before each trial."""
        self.abort_when: Callable[[ScriptedDriver], bool] = lambda driver: False
        self.events: list[tuple[str, int]] = []
        self.outcomes: dict[int, Outcome] = {}
        self.epochs: dict[int, list[Epoch]] = {}
        self.stopped: set[int] = set()
        self.running: set[int] = set()
        self.most = 0
        self.ticks: list[float] = []
        self.retirements: list[tuple[int, str]] = []
        self._waited = 0

    def limit(self, seconds: float, *attempts: int) -> None:
        """Sets a time limit on these attempts: those that hang. How long a sound one takes is the
        machine's affair."""
        for attempt in attempts:
            self.trials[attempt - 1] = self.trials[attempt - 1].with_(time_limit=seconds)

    def next(self) -> Trial | Idle:
        if not self.trials:
            return Idle.DONE
        if self._waited < self.waits:
            self._waited += 1
            return Idle.WAIT
        self._waited = 0
        trial = self.trials.pop(0)
        self.events.append(("next", trial.attempt))
        return trial

    def started(self, attempt: int) -> None:
        self.events.append(("started", attempt))
        self.running.add(attempt)
        self.most = max(self.most, len(self.running))
        self._maybe_abort()

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        assert attempt in self.running
        self.epochs.setdefault(attempt, []).append(epoch)
        self._maybe_abort()
        seconds, self.holds_up = self.holds_up, 0.0
        time.sleep(seconds)
        if epoch.epoch == self.stop_at:
            self.stopped.add(attempt)
            self.running.discard(attempt)
            return False
        return True

    def done(self, attempt: int, outcome: Outcome) -> None:
        assert attempt not in self.outcomes, "reported twice"
        assert attempt not in self.stopped, "stopped and reported"
        self.events.append(("done", attempt))
        self.outcomes[attempt] = outcome
        self.running.discard(attempt)

    def retired(self, gpu: int, why: str) -> None:
        self.retirements.append((gpu, why))

    def tick(self) -> None:
        self.ticks.append(time.monotonic())
        self._maybe_abort()

    def _maybe_abort(self) -> None:
        self.abort = self.abort or self.abort_when(self)

    @property
    def statuses(self) -> list[Status]:
        """In the order the trials were given out."""
        return [self.outcomes[attempt].status for attempt in sorted(self.outcomes)]


def offspring(root: int | None = None) -> set[int]:
    """The processes below one, this one by default; all but those that multiprocessing keeps till
    its end."""
    found = set()
    for process in psutil.Process(root).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "resource_tracker" not in _line(process) and not _is_fork_server(process):
                found.add(process.pid)
    return found


def workers(root: int | None = None, *, named: str = "spawn_main") -> set[int]:
    """Those that run trials or calls, or have a word in their command line."""
    found = set()
    for pid in offspring(root):
        with suppress(psutil.NoSuchProcess):
            line = _line(psutil.Process(pid))
            if any(word in line for word in ("spawn_main", "forkserver", named)):
                found.add(pid)
    return found


def _is_fork_server(process: psutil.Process) -> bool:
    parent = process.parent()
    return "forkserver" in _line(process) and not (parent and "forkserver" in _line(parent))


def _line(process: psutil.Process) -> str:
    return " ".join(process.cmdline())
