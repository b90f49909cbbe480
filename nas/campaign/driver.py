"""The campaign's loop, as executors call it: propose → evaluate → record."""

import time
from collections.abc import Callable
from dataclasses import replace

from nas.campaign import weights
from nas.campaign.admission import Admission, Running
from nas.campaign.afterwards import always
from nas.campaign.backoff import GIVE_UP_SECONDS
from nas.campaign.coverage import AuditWatch
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
"""How long a locked ledger is waited for without a word."""


class CampaignDriver:
    """Decides what runs next and records what comes of it; one thread, one writer.

    With `only`, it takes up what the ledger has open of that role and adds nothing. `say` is told,
    in one line each, what a campaign's owner would want to know at once; `beat` is called about
    once a second, for a display.
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
        coverage: AuditWatch | None = None,
        recorder: Recorder | None = None,
        only: Role | None = None,
        say: Callable[[str], None] = lambda line: None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.config = config
        self.store = store
        self.proposer = proposer
        self.clock = clock
        self.recorder = recorder or Recorder()
        self.only = only
        self.say = say
        self.beat = beat
        self.stopping = Stopping(store, say)
        self.finished = False
        """True once there is nothing left to do."""
        self._agenda = WorkQueue(config, store, proposer, only, say)
        self._launcher = Launcher(
            config,
            store,
            environment_id,
            device_bytes,
            data_bytes,
            self.stopping.file,
            memory or MemoryReader(config.gpus),
        )
        self._admission = Admission(config, self._agenda, self._launcher, say)
        self._running: dict[int, Running] = {}
        self._same_data = SameData()
        self._benched = excluded_for_failing(store.records(), config.bench_after)
        self._last_beat = 0.0
        self._lock_announced = False
        self._others_announced = False
        self._last_heartbeat = time.monotonic()
        asha = config.scheduler == "asha"
        self._coverage = coverage
        self._rungs = Rungs(store, proposer.space.recipe.epochs) if asha else None

    # The Driver protocol of nas.execute

    def next(self) -> Trial | Idle:
        """The next trial, cheapest promise first: retries, orphans, controls, a new draw."""
        self._look_for_an_end()
        while not self.stopping.stop:
            claim = self._claim()
            if claim is None:
                break
            trial = self._launch(claim)
            if trial is not None:
                return trial
        if not self.stopping.stop and (self._running or not self._exhausted()):
            return Idle.WAIT
        self.finished = self.stopping.stop is None
        return Idle.DONE

    def started(self, attempt: int) -> None:
        """The first trial's start is the budget's."""
        self.clock.start()
        self._admission.begun(self._running[attempt])
        self.store.begun(attempt)

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        """Records an epoch; False where early stopping ends the trial here."""
        running = self._running[attempt]
        if not self.store.epoch(attempt, epoch):
            del self._running[attempt]
            self._fenced_off(running.claim, "stopped")
            return False
        self.recorder.epoch(running.claim, attempt, epoch)
        self._admission.waiting.got_on()
        if self._rungs is None:
            return True
        pruned = self._rungs.verdict(running.claim, epoch, running.seconds)
        if pruned is not None:
            self.done(attempt, pruned)
        return pruned is None

    def done(self, attempt: int, outcome: Outcome) -> None:
        """Records an attempt's end and decides whether its candidate is tried again."""
        running = self._running.pop(attempt)
        claim = running.claim
        outcome = self._same_data.check(outcome)
        result = decide_retry(outcome, claim, self.config, running.trial.memory_fraction)
        if not self.store.finish(
            claim, attempt, outcome, final=result.final, micro_batches=result.micro_batches
        ):
            self._fenced_off(claim, "result dropped")
            return
        self.store.ledger.storage.fold_in()
        self.recorder.done(claim, attempt, outcome)
        if result.fault:
            self._fail(outcome.message)
        if result.final:
            weights.tidy(self.store, claim, running.trial, outcome, self.config.keep_weights)
        killed = outcome.status is Status.KILLED
        again = replace(
            claim,
            micro_batches=result.micro_batches,
            deaths=claim.deaths + (killed and not outcome.unbegun),
            unbegun=claim.unbegun + (killed and outcome.unbegun),
            earlier=(self._launcher.earlier(running.trial), *claim.earlier),
        )
        line = format_result(claim, outcome, result)
        if result.waits:
            seconds = self._admission.refused(again, outcome)
            line += f"; tried again in {seconds:.0f} s"
        elif outcome.status is not Status.INTERRUPTED:
            self._admission.waiting.got_on()
        if result.retry:
            if outcome.status is Status.OOM:
                again = replace(again, outgrown=running.trial.memory_fraction or 0.0)
            self._agenda.waiting.append(again)
        self._agenda.note_result()
        self.say(line)
        self.update_exclusions()

    def _fenced_off(self, claim: LeasedCandidate, so: str) -> None:
        """An attempt is not this driver's any more. Its candidate is nobody's work then, unless
        another driver has it."""
        if self.store.let_go(claim):
            why = "another program closed or removed its attempt; it is taken up again"
        else:
            why = "another driver took this candidate over"
        self.say(f"{title(claim)}: {why}; {so}")

    def retired(self, gpu: int, why: str) -> None:
        """The campaign goes on with the GPUs that are left."""
        self.store.event("retired", gpu=gpu, why=why)
        self._launcher.memory.leave_out(gpu)
        self.say(f"GPU {gpu} is used no more: {why}")

    def tick(self) -> None:
        """Heartbeat, budget, display."""
        self.clock.advance()
        now = time.monotonic()
        if now - self._last_heartbeat >= HEARTBEAT_SECONDS:
            self._last_heartbeat = now
            self._heartbeat()
        self._look_for_an_end()
        if now - self._last_beat >= 1.0:
            self._last_beat = now
            self.beat()

    # What the campaign's owner can do

    @property
    def abort(self) -> bool:
        """Whether running trials are to be killed at once."""
        return self.stopping.abort

    def stop(self, why: Stop) -> None:
        """Starts no new trial and ends the running ones at their epoch, checkpointed."""
        self.stopping.request(why, running=bool(self._running))

    def _fail(self, problem: str) -> None:
        self.stopping.fail(problem, running=bool(self._running))

    def wait_for_ledger(self, seconds: float) -> bool:
        """Patience with a ledger that another program keeps locked: workers go on meanwhile, and
        what they report waits for its turn. A second Ctrl-C ends it."""
        if seconds < LOCK_SECONDS:
            self._lock_announced = False
        elif not self._lock_announced:
            self._lock_announced = True
            self.say("another program keeps the ledger locked: waiting for it, nothing is lost")
        return not self.stopping.abort

    def close(self) -> None:
        """Records the last working seconds and gives up every lease; each of it, whatever becomes
        of the rest."""
        with always(
            self.store.release_all,
            lambda: weights.sweep(self.store.attempt_files()),
            self._say_the_state,
            self.store.ledger.storage.fold_in,
            self.stopping.close,
        ):
            self.clock.advance()
            self._heartbeat()

    def _say_the_state(self) -> None:
        self.stopping.settle()
        if not self.store.open_elsewhere():
            done = self.finished and not self.store.open_candidates()
            self.store.set_state("done" if done else "stopped")

    def _heartbeat(self) -> None:
        # Confirming is not searching: it costs the search's budget nothing.
        spent = self.clock.unsaved()
        self.clock.adopt(self.store.heartbeat(spent if self.only is None else 0.0))

    # Choosing

    def _claim(self) -> LeasedCandidate | None:
        """What to do next, as far as there is memory for it."""
        try:
            return self._admission.next(self._running.values())
        except (CandidateError, DamagedError) as error:  # what runs beside it is to end well
            self._fail(str(error))
            return None

    def _exhausted(self) -> bool:
        """Nothing is left to do. Running out of families to draw is a stop, not an end."""
        if self._admission.waiting.hopeless:
            self._fail(f"others have held the memory for {GIVE_UP_SECONDS / 60:.0f} minutes")
            return True
        if len(self._admission.waiting):
            return False
        if not self._agenda.empty:
            if not self._others_announced:
                self._others_announced = True
                self.say(
                    "all that is left is another driver's: waiting until it has a result, or has"
                    " given no sign of life for a minute"
                )
            return False
        if self._agenda.lacks_families(self._benched):
            names = ", ".join(sorted(self._benched))
            self.stop(
                Stop(
                    StopReason.TOO_FEW_FAMILIES,
                    f"too few families are left: {names} are benched for failing",
                )
            )
        return True

    def _launch(self, claim: LeasedCandidate) -> Trial | None:
        """The trial for a claim; None where there is nothing for a worker to do."""
        trial = self._launcher.trial(claim)
        if trial is None:
            self.say(f"{title(claim)}: another driver took this candidate over")
            return None
        self._running[trial.attempt] = Running(claim, trial)
        if claim.suspect:
            self.say(alone(claim))
        refusal = self._launcher.refusal(claim)
        if refusal is not None:
            self.done(trial.attempt, refusal)
            return None
        return trial

    # After an end

    def update_exclusions(self) -> None:
        """Benches families that keep failing, and asks whether the draw is fair."""
        records, after = self.store.records(), self.config.bench_after
        now = excluded_for_failing(records, after)
        for family in sorted(now - self._benched):
            self.store.event("benched", family=family, after=after, drawn=len(records))
            self.say(f"{family} is benched: its last {after} candidates failed")
        self._benched = now
        if self._coverage is not None:
            verdict, lines = self._coverage.look(records)
            for line in lines:
                self.say(line)
            if verdict.verdict == "biased" and self.config.strict_coverage:
                self.stop(BIASED)

    def _look_for_an_end(self) -> None:
        self.stopping.check(spent=self.clock.spent, running=bool(self._running))
