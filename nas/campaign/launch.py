"""From a leased candidate to a trial for a worker."""

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
from nas.schema import CHECKPOINT, BankConfig, CampaignConfig, Outcome, Role, Status, Trial


@dataclass(frozen=True)
class Launcher:
    """Opens attempts in the ledger and says what a worker needs to run them."""

    config: CampaignConfig
    store: CampaignStore
    environment_id: int
    device_bytes: int
    """Memory of the device a trial may have: a GPU, or a worker's part of the machine's."""
    data_bytes: int
    """Of that, what the data set takes beside every candidate."""
    stop_file: Path
    memory: MemoryReader

    @property
    def files(self) -> Path:
        """The ledger's files folder, with checkpoints and weights."""
        return self.store.ledger.files

    def trial(self, claim: LeasedCandidate) -> Trial | None:
        """A new attempt at a candidate; None if its lease was lost."""
        fraction = self._share(claim)
        resumed, checkpoint = self._resumable(claim)
        started = self.store.start(
            claim,
            environment_id=self.environment_id,
            device=self.config.device,
            memory_fraction=fraction,
            resumed_from=resumed,
        )
        if started is None:
            return None
        attempt, _ = started
        folder = self.store.folder(claim.candidate.key, attempt)
        weights.clear(folder)  # of a ledger that was put back to an earlier state, say
        return Trial(
            attempt=attempt,
            candidate=claim.candidate,
            code=claim.code,
            folder=str(folder),
            resume_from=checkpoint,
            stop_file=str(self.stop_file),
            data_root=self.config.data_root,
            device=self.config.device,
            precision=settled_precision(claim.candidate.recipe.precision, self.config.gpus)[0],
            memory_fraction=fraction,
            micro_batches=claim.micro_batches,
            time_limit=self.config.time_limit,
            # What cut off one attempt may come again: this one is to get further.
            checkpoint_first=bool(claim.earlier),
            bank=str(contained(self.files, FOLDER)),
            keep_in_bank=self.config.bank,
            bank_bytes=self.config.bank_bytes if isinstance(self.config, BankConfig) else None,
            keep_weights=self._keeps_weights(claim),
            rungs=self._rungs(claim),
        )

    def refusal(self, claim: LeasedCandidate) -> Outcome | None:
        """The outcome of a candidate that cannot fit the device; None where it may."""
        if claim.cost is None:
            return None
        room = self.device_bytes - self.data_bytes
        room -= CONTEXT_BYTES if self.config.gpus else 0
        problem = too_large(claim.cost, room)
        if problem is None:
            return None
        return Outcome(
            status=Status.INVALID,
            stage="fit",
            message=str(problem),
            detail=f"{claim.cost}, room {room} bytes",
            params=claim.cost.params,
        )

    def room(
        self, running: Sequence[Trial], processes: int, *, anew: bool = False
    ) -> Sequence[int] | None:
        """Of each GPU that is in use what this campaign may have now beside other programs, in
        bytes; None where there is no GPU, or one that nothing is known of. Of the campaign's own
        there are so many `processes` at most, with the `running` trials. See `MemoryReader.look`
        for `anew`."""
        look = enumerate(self.memory.look(anew=anew))
        used = [memory for gpu, memory in look if gpu not in self.memory.left_out]
        share = sum(trial.memory_fraction or 1.0 for trial in running)
        known = [memory for memory in used if memory is not None]
        if len(known) < len(used) or not known:
            return None
        kept = processes * (2 * CONTEXT_BYTES + self.data_bytes)
        return [gpu.room(share, kept) for gpu in known]

    def need(self, claim: LeasedCandidate) -> int:
        """Estimated bytes on a GPU: the candidate's, the data's and the context's; 0 where there
        is no estimate."""
        memory = claim.cost.memory_bytes if claim.cost else None
        return 0 if memory is None else memory + self.data_bytes + CONTEXT_BYTES

    def earlier(self, trial: Trial) -> PreviousAttempt:
        """A trial of this launcher as a later attempt sees it."""
        return PreviousAttempt(trial.attempt)

    def _keeps_weights(self, claim: LeasedCandidate) -> bool:
        rule = self.config.keep_weights
        return rule == "all" or (rule != "none" and claim.role is not Role.CONTROL)

    def _rungs(self, claim: LeasedCandidate) -> tuple[int, ...]:
        if self.config.scheduler != "asha" or claim.role is not Role.SEARCH:
            return ()
        return Asha(claim.candidate.recipe.epochs).rungs

    def _share(self, claim: LeasedCandidate) -> float | None:
        """The quantised share of a GPU a candidate gets: what its estimate says, or more than was
        too small for it; a whole one with its batch split."""
        if not self.config.gpus:
            return None
        need = claim.cost.memory_bytes if claim.cost else None
        if claim.micro_batches > 1 or need is None:
            return 1.0
        fits = share(need + self.data_bytes, self.device_bytes) or 1.0
        return max(fits, larger_share(claim.outgrown)) if claim.outgrown else fits

    def _resumable(self, claim: LeasedCandidate) -> tuple[int, str] | tuple[None, None]:
        """The latest attempt that left a checkpoint, and where: what it is its worker sees, and
        says if it is no use, or if one is gone that must have been there. What their workers were
        writing when they were killed goes."""
        key, gone = claim.candidate.key, None
        folder = contained(self.files, self.store.campaign_id, key)
        for earlier in claim.earlier:
            if ours := self.store.folder_if_ours(key, earlier.attempt):
                clear_unfinished(ours)
            left = earlier.attempt, str(folder / str(earlier.attempt) / CHECKPOINT)
            if os.path.lexists(left[1]):
                return left
            if earlier.kept:
                gone = gone or left
        return gone or (None, None)
