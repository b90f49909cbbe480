"""Makes a trial for a worker from a leased candidate."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.campaign import weights
from nas.campaign.asha import Asha
from nas.contained import contained
from nas.experts import FOLDER
from nas.files import clear_unfinished
from nas.hardware import CONTEXT_BYTES, MemoryReader, larger_share, settled_precision, share
from nas.ledger import CampaignStore, LeasedCandidate, PreviousAttempt
from nas.measure import too_large
from nas.render import code_of, render
from nas.schema import CHECKPOINT, BankConfig, CampaignConfig, Outcome, Role, Status, Trial


@dataclass(frozen=True)
class Launcher:
    """Opens attempts in the ledger and makes their trials."""

    config: CampaignConfig
    store: CampaignStore
    environment_id: int
    device_bytes: int
    """Memory available to a trial: a GPU's, or a worker's part of main memory."""
    data_bytes: int
    """The part of it that the data set needs."""
    stop_file: Path
    memory: MemoryReader

    @property
    def files(self) -> Path:
        """The ledger's files folder, with checkpoints and weights."""
        return self.store.ledger.files

    def trial(self, leased: LeasedCandidate) -> Trial | None:
        """A new attempt at a candidate; None if its lease was lost."""
        fraction = self._share(leased)
        resumed, checkpoint = self._resumable(leased)
        started = self.store.start(
            leased,
            environment_id=self.environment_id,
            device=self.config.device,
            memory_fraction=fraction,
            resumed_from=resumed,
        )
        if started is None:
            return None
        attempt, _ = started
        folder = self.store.folder(leased.candidate.key, attempt)
        weights.clear(folder)  # left by a ledger that was since restored from a backup
        return Trial(
            attempt=attempt,
            candidate=leased.candidate,
            code=leased.code,
            folder=str(folder),
            resume_from=checkpoint,
            stop_file=str(self.stop_file),
            data_root=self.config.data_root,
            device=self.config.device,
            precision=settled_precision(leased.candidate.recipe.precision, self.config.gpus)[0],
            memory_fraction=fraction,
            micro_batches=leased.micro_batches,
            time_limit=self.config.time_limit,
            # What ended an earlier attempt may happen again: an early checkpoint saves progress.
            checkpoint_first=bool(leased.earlier),
            bank=str(contained(self.files, FOLDER)),
            keep_in_bank=self.config.bank,
            bank_bytes=self.config.bank_bytes if isinstance(self.config, BankConfig) else None,
            keep_weights=self._keeps_weights(leased),
            rungs=self._rungs(leased),
        )

    def refusal(self, leased: LeasedCandidate) -> Outcome | None:
        """The outcome `invalid` of a candidate that its template refuses, or that is too large for
        the device; None otherwise."""
        if not leased.code:
            _, why = code_of(leased.candidate, render)
            return Outcome(status=Status.INVALID, stage="render", message=why)
        if leased.cost is None:
            return None
        room = self.device_bytes - self.data_bytes
        room -= CONTEXT_BYTES if self.config.gpus else 0
        problem = too_large(leased.cost, room)
        if problem is None:
            return None
        return Outcome(
            status=Status.INVALID,
            stage="fit",
            message=str(problem),
            detail=f"{leased.cost}, room {room} bytes",
            params=leased.cost.params,
        )

    def room(
        self, running: Sequence[Trial], processes: int, *, anew: bool = False
    ) -> Sequence[int] | None:
        """The bytes of each used GPU that this campaign may have now, given other programs; None
        without GPUs, or if a GPU's memory is unknown. `running` are the campaign's own trials, and
        `processes` the largest number of its worker processes. `anew`: see `MemoryReader.look`."""
        look = enumerate(self.memory.look(anew=anew))
        used = [memory for gpu, memory in look if gpu not in self.memory.retired]
        share = sum(trial.memory_fraction or 1.0 for trial in running)
        known = [memory for memory in used if memory is not None]
        if len(known) < len(used) or not known:
            return None
        kept = processes * (2 * CONTEXT_BYTES + self.data_bytes)
        return [gpu.room(share, kept) for gpu in known]

    def need(self, leased: LeasedCandidate) -> int:
        """Estimated bytes on a GPU for candidate, data and CUDA context; 0 without an estimate."""
        memory = leased.cost.memory_bytes if leased.cost else None
        return 0 if memory is None else memory + self.data_bytes + CONTEXT_BYTES

    def earlier(self, trial: Trial) -> PreviousAttempt:
        """A trial of this launcher as a previous attempt of a later one."""
        return PreviousAttempt(trial.attempt)

    def _keeps_weights(self, leased: LeasedCandidate) -> bool:
        rule = self.config.keep_weights
        return rule == "all" or (rule != "none" and leased.role is not Role.CONTROL)

    def _rungs(self, leased: LeasedCandidate) -> tuple[int, ...]:
        if self.config.scheduler != "asha" or leased.role is not Role.SEARCH:
            return ()
        return Asha(leased.candidate.recipe.epochs).rungs

    def _share(self, leased: LeasedCandidate) -> float | None:
        """The share of a GPU for a candidate: by its estimate, but larger than a share that was too
        small; a whole GPU if its batch is split or there is no estimate. None on a CPU."""
        if not self.config.gpus:
            return None
        need = leased.cost.memory_bytes if leased.cost else None
        if leased.micro_batches > 1 or need is None:
            return 1.0
        fits = share(need + self.data_bytes, self.device_bytes) or 1.0
        return max(fits, larger_share(leased.outgrown)) if leased.outgrown else fits

    def _resumable(self, leased: LeasedCandidate) -> tuple[int, str] | tuple[None, None]:
        """The latest attempt with a checkpoint, and its path; else one whose checkpoint is missing;
        the worker validates it. Deletes files that killed workers had not finished writing."""
        key, gone = leased.candidate.key, None
        folder = contained(self.files, self.store.campaign_id, key)
        for earlier in leased.earlier:
            if ours := self.store.folder_if_ours(key, earlier.attempt):
                clear_unfinished(ours)
            left = earlier.attempt, str(folder / str(earlier.attempt) / CHECKPOINT)
            if os.path.lexists(left[1]):
                return left
            if earlier.kept:
                gone = gone or left
        return gone or (None, None)
