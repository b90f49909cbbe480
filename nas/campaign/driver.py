"""The campaign's loop, as executors call it: propose → evaluate → record."""

import time
from collections.abc import Callable
from dataclasses import replace

from nas.campaign import weights
from nas.campaign.admission import Admission, Running
from nas.campaign.afterwards import always
from nas.campaign.audit_watch import AuditWatch
from nas.campaign.backoff import GIVE_UP_SECONDS
from nas.campaign.dataset import SameData
from nas.campaign.exclusions import excluded_for_failing
from nas.campaign.launch import Launcher
from nas.campaign.proposals import Proposer
from nas.campaign.queue import WorkQueue
from nas.campaign.retry import alone, decide_retry, format_result, title
from nas.campaign.rungs import Rungs
from nas.campaign.stopping import BIASED, Stopping
from nas.campaign.timer import BudgetTimer
from nas.campaign.trackers.base import Recorder
from nas.execute import Idle
from nas.hardware import MemoryReader
from nas.ledger import CampaignStore, LeasedCandidate
from nas.ledger.errors import DamagedError
from nas.render import CandidateError
from nas.schema import CampaignConfig, Epoch, Outcome, Role, Status, Trial
from nas.schema.stop import Stop, StopReason

HEARTBEAT_SECONDS = 5.0
LOCK_SECONDS = 5.0
"""How long the driver waits for a locked ledger before it prints a message."""


class CampaignDriver:
    """Decides what runs next and records the results; one thread, one writer.

    With `only`, it runs the open candidates of that role and adds none. `on_message` is called with
    one line for each event of interest to the user, `on_tick` about once a second for a display.
    """

    def __init__(
        self,
        config: CampaignConfig,
        store: CampaignStore,
        proposer: Proposer,
        clock: BudgetTimer,
        *,
        environment_id: int,
        device_bytes: int,
        data_bytes: int = 0,
        memory: MemoryReader | None = None,
        audit: AuditWatch | None = None,
        recorder: Recorder | None = None,
        only: Role | None = None,
        on_message: Callable[[str], None] = lambda line: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.config = config
        self.store = store
        self.proposer = proposer
        self.clock = clock
        self.recorder = recorder or Recorder()
        self.only = only
        self.on_message = on_message
        self.on_tick = on_tick
        self.stopping = Stopping(store, on_message, lambda: bool(self._running))
        self.finished = False
        """Whether nothing is left to do."""
        self._queue = WorkQueue(config, store, proposer, only, on_message)
        self._launcher = Launcher(
            config,
            store,
            environment_id,
            device_bytes,
            data_bytes,
            self.stopping.file,
            memory or MemoryReader(config.gpus),
        )
        self._admission = Admission(config, self._queue, self._launcher, on_message)
        self._running: dict[int, Running] = {}
        self._same_data = SameData()
        self._excluded = excluded_for_failing(store.records(), config.bench_after)
        self._last_tick = 0.0
        self._lock_announced = False
        self._others_announced = False
        self._last_heartbeat = time.monotonic()
        asha = config.scheduler == "asha"
        self._audit = audit
        self._rungs = Rungs(store) if asha else None

    # The Driver protocol of nas.execute

    def next(self) -> Trial | Idle:
        """The next trial, in the order of `WorkQueue`: retries, orphans, controls, a new draw."""
        self._check_for_stop()
        while not self.stopping.stop:
            leased = self._admitted()
            if leased is None:
                break
            trial = self._launch(leased)
            if trial is not None:
                return trial
        if not self.stopping.stop and (self._running or not self._exhausted()):
            return Idle.WAIT
        self.finished = self.stopping.stop is None
        return Idle.DONE

    def started(self, attempt: int) -> None:
        """Records that a worker has started a trial. The first start also starts the budget."""
        self.clock.start()
        self._admission.mark_started(self._running[attempt])
        self.store.mark_started(attempt)

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        """Records an epoch. Returns False if the trial must end here: early stopping, or the
        attempt is no longer this driver's."""
        running = self._running[attempt]
        if not self.store.epoch(attempt, epoch):
            del self._running[attempt]
            self._lease_lost(running.leased, "stopped")
            return False
        self.recorder.epoch(running.leased, attempt, epoch)
        self._admission.waiting.reset()
        if self._rungs is None:
            return True
        pruned = self._rungs.decide(running.leased, epoch, running.seconds)
        if pruned is not None:
            self.done(attempt, pruned)
        return pruned is None

    def done(self, attempt: int, outcome: Outcome) -> None:
        """Records an attempt's outcome and decides whether its candidate is retried."""
        running = self._running.pop(attempt)
        leased = running.leased
        outcome = self._same_data.check(outcome)
        result = decide_retry(outcome, leased, self.config, running.trial.memory_fraction)
        if not self.store.finish(
            leased, attempt, outcome, final=result.final, micro_batches=result.micro_batches
        ):
            self._lease_lost(leased, "result dropped")
            return
        self.store.ledger.storage.fold_in()
        self.recorder.done(leased, attempt, outcome)
        if result.fault:
            self.stopping.fail(outcome.message)
        if result.final:
            weights.tidy(self.store, leased, running.trial, outcome, self.config.keep_weights)
        killed = outcome.status is Status.KILLED
        again = replace(
            leased,
            micro_batches=result.micro_batches,
            deaths=leased.deaths + (killed and not outcome.never_started),
            failed_starts=leased.failed_starts + (killed and outcome.never_started),
            earlier=(self._launcher.earlier(running.trial), *leased.earlier),
        )
        line = format_result(leased, outcome, result)
        if result.waits:
            seconds = self._admission.postpone(again, outcome)
            line += f"; next attempt in {seconds:.0f} s"
        elif outcome.status is not Status.INTERRUPTED:
            self._admission.waiting.reset()
        if result.retry:
            if outcome.status is Status.OOM:
                again = replace(again, outgrown=running.trial.memory_fraction or 0.0)
            self._queue.waiting.append(again)
        self._queue.note_result()
        self.on_message(line)
        self.update_exclusions()

    def _lease_lost(self, leased: LeasedCandidate, consequence: str) -> None:
        """Handles an attempt that is no longer this driver's: releases its candidate, unless
        another driver has leased it."""
        if self.store.let_go(leased):
            why = "another program closed or removed its attempt; it will be retried"
        else:
            why = "another driver took this candidate over"
        self.on_message(f"{title(leased)}: {why}; {consequence}")

    def retired(self, gpu: int, why: str) -> None:
        """Records that a GPU is no longer used; the campaign continues with the others."""
        self.store.event("retired", gpu=gpu, why=why)
        self._launcher.memory.retire(gpu)
        self.on_message(f"GPU {gpu} is no longer used: {why}")

    def tick(self) -> None:
        """Heartbeat, budget, display."""
        self.clock.advance()
        now = time.monotonic()
        if now - self._last_heartbeat >= HEARTBEAT_SECONDS:
            self._last_heartbeat = now
            self._heartbeat()
        self._check_for_stop()
        if now - self._last_tick >= 1.0:
            self._last_tick = now
            self.on_tick()

    # What the campaign's owner can do

    @property
    def abort(self) -> bool:
        """Whether running trials are to be killed at once."""
        return self.stopping.abort

    def stop(self, why: Stop) -> None:
        """Starts no new trial; running ones end after their current epoch, with a checkpoint."""
        self.stopping.request(why)

    def wait_for_ledger(self, seconds: float) -> bool:
        """Whether to keep waiting for a ledger that another program has locked for `seconds`.
        Workers continue meanwhile, and their reports are queued. A second Ctrl-C ends the wait."""
        if seconds < LOCK_SECONDS:
            self._lock_announced = False
        elif not self._lock_announced:
            self._lock_announced = True
            self.on_message(
                "waiting for the ledger, which another program has locked; nothing is lost"
            )
        return not self.stopping.abort

    def close(self) -> None:
        """Records the last working seconds and releases every lease. Each step runs even if
        another one fails."""
        with always(
            self.store.release_all,
            lambda: weights.sweep(self.store.attempt_files()),
            self._set_final_state,
            self.store.ledger.storage.fold_in,
            self.stopping.close,
        ):
            self.clock.advance()
            self._heartbeat()

    def _set_final_state(self) -> None:
        self.stopping.settle()
        if not self.store.open_elsewhere():
            done = self.finished and not self.store.open_candidates()
            self.store.set_state("done" if done else "stopped")

    def _heartbeat(self) -> None:
        # Confirmations do not use the search's budget.
        spent = self.clock.unsaved()
        self.clock.adopt(self.store.heartbeat(spent if self.only is None else 0.0))

    # Choosing

    def _admitted(self) -> LeasedCandidate | None:
        """The next candidate that fits the free memory; None if there is none, or after a fault."""
        try:
            return self._admission.next(self._running.values())
        except (CandidateError, DamagedError) as error:  # running trials still end normally
            self.stopping.fail(str(error))
            return None

    def _exhausted(self) -> bool:
        """Whether nothing is left to do. Also requests a stop if too few families are left."""
        if self._admission.waiting.gave_up:
            self.stopping.fail(
                f"other programs have held the memory for {GIVE_UP_SECONDS / 60:.0f} minutes"
            )
            return True
        if len(self._admission.waiting):
            return False
        if not self._queue.empty:
            if not self._others_announced:
                self._others_announced = True
                self.on_message(
                    "the remaining candidates are another driver's: waiting until it has results,"
                    " or has sent no heartbeat for a minute"
                )
            return False
        if self._queue.lacks_families(self._excluded):
            names = ", ".join(sorted(self._excluded))
            self.stop(
                Stop(
                    StopReason.TOO_FEW_FAMILIES,
                    f"too few families are left; benched for failing: {names}",
                )
            )
        return True

    def _launch(self, leased: LeasedCandidate) -> Trial | None:
        """The trial for a leased candidate; None if its lease is lost or it cannot fit the
        device."""
        trial = self._launcher.trial(leased)
        if trial is None:
            self.on_message(f"{title(leased)}: another driver took this candidate over")
            return None
        self._running[trial.attempt] = Running(leased, trial)
        if leased.suspect:
            self.on_message(alone(leased))
        refusal = self._launcher.refusal(leased)
        if refusal is not None:
            self.done(trial.attempt, refusal)
            return None
        return trial

    # After an end

    def update_exclusions(self) -> None:
        """Excludes families that keep failing, and updates the audit of the draws."""
        records, after = self.store.records(), self.config.bench_after
        now = excluded_for_failing(records, after)
        for family in sorted(now - self._excluded):
            self.store.event("benched", family=family, after=after, drawn=len(records))
            self.on_message(
                f"{family} is benched (no longer drawn): its last {after} candidates failed"
            )
        self._excluded = now
        if self._audit is not None:
            result, lines = self._audit.update(records)
            for line in lines:
                self.on_message(line)
            if result.verdict == "biased" and self.config.strict_coverage:
                self.stop(BIASED)

    def _check_for_stop(self) -> None:
        self.stopping.check(spent=self.clock.spent)
