"""Trials in this process, one after another: for tests and debuggers."""

import time
import traceback
from contextlib import closing
from pkgutil import resolve_name

from nas import debugging
from nas.execute.base import Driver, Executor, Idle, Ticker
from nas.execute.running import Running
from nas.schema import Epoch, Outcome, Trial, one_line


class InlineExecutor(Executor):
    """Runs `evaluate` in this process. A fatal crash ends this process, and a hang is not detected.
    Under `nas --debug`, a trial's exception ends the campaign; `nas resume` continues it.

    At most one trial runs, whatever `workers` is, and `tick` is called between epochs only.
    """

    IDLE_SECONDS = 0.05

    def run(self, driver: Driver) -> None:
        ticker = Ticker(driver)
        while not driver.abort:
            ticker.tick()
            given = driver.next()
            if given is Idle.DONE:
                return
            if isinstance(given, Trial):
                self._one(given, driver, ticker)
            else:
                time.sleep(self.IDLE_SECONDS)

    def _one(self, trial: Trial, driver: Driver, ticker: Ticker) -> None:
        running = Running(trial)
        running.note_started()
        driver.started(trial.attempt)
        outcome: Outcome | None = None
        # Only `next` is guarded: the driver's exceptions must pass, the candidate's must not.
        with closing(resolve_name(self.evaluate)(trial)) as events:
            while outcome is None:
                try:
                    event = next(events)
                except StopIteration:
                    outcome = running.missing_outcome()
                    break
                except Exception as error:
                    if debugging.let_through:
                        raise
                    outcome = running.raised(one_line(error), traceback.format_exc())
                    break
                ticker.tick()
                if isinstance(event, Epoch):
                    running.note(event)
                    if not driver.epoch(trial.attempt, event):
                        return
                    if driver.abort:
                        outcome = running.interrupted()
                else:
                    outcome = event
        driver.done(trial.attempt, outcome)
