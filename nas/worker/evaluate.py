"""One attempt at one candidate, from its trial to its outcome, in this process."""

import math
import traceback
from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from nas import debugging
from nas.compute import (
    Compute,
    crowded,
    keep_survivors,
    open_device,
    out_of_memory,
    peak_memory,
    release_memory,
)
from nas.data.batches import Data, Split
from nas.experts import BankError
from nas.faults import is_busy
from nas.hardware.devices import CONTEXT_BYTES
from nas.hardware.smoke import computes
from nas.schema import (
    BUSY,
    CHECKPOINT,
    CROWDED,
    MEMORY_OF_OTHERS,
    WEIGHTS,
    DatasetInfo,
    Epoch,
    ExpertScore,
    Outcome,
    ProblemError,
    Recipe,
    Status,
    Trial,
    fault_of,
)
from nas.train import (
    BuildError,
    NonFiniteLossError,
    Procedure,
    Score,
    is_accident,
    load_model,
    procedure,
    score,
)
from nas.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint, save_weights
from nas.train.seeding import seed_everything
from nas.worker.bank_experts import load_bank_experts, task_of
from nas.worker.data_cache import DataCache
from nas.worker.progress import ProgressFile
from nas.worker.save_to_bank import save_to_bank
from nas.working_time import awake

DATA = DataCache()
"""This process's data cache."""


class TimeLimitReached(Exception):  # noqa: N818 - the end of a trial, not a mistake
    """The attempt used up its `time_limit`."""


def evaluate(trial: Trial) -> Iterator[Epoch | Outcome]:
    """Trains and measures a candidate: yields an Epoch after each, then exactly one Outcome.

    Failures of the candidate, its data or its disk do not raise: they are in the Outcome's status,
    stage and message, with the traceback in `detail`. The consumer may close the iterator after an
    epoch; nothing is measured then. Sets this process's torch threads, seeds and share of GPU
    memory. Frees the model's memory before it yields the Outcome, whose `needs_restart` is True if
    the GPU no longer computes in this process. Under `nas --debug`, exceptions are raised.
    """
    attempt = _Attempt(trial)
    try:
        outcome = yield from attempt.run()
    except (Exception, SystemExit) as error:
        if debugging.let_through:
            raise
        outcome = attempt.failed(error)
    finally:
        # The model was freed with `run`'s frame, or with the exception that kept the frame.
        release_memory(attempt.device)
        keep_survivors()
    if attempt.device.type == "cuda" and outcome.status in SPOILING:
        outcome = outcome.with_(needs_restart=not computes(attempt.device))
    yield outcome


SPOILING = frozenset(status for status in Status if status.failed) - {Status.NAN}
"""Outcomes after which every CUDA call may fail until the process ends."""


class _Attempt:
    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        # `cuda` means the first GPU: the allocator's limits need an index.
        self.device = torch.device("cuda:0" if trial.device == "cuda" else trial.device)
        self.share = trial.memory_fraction or 1.0
        """Share of that device's memory."""
        self.folder = Path(trial.folder)
        self.start = awake()
        self.saved = -math.inf if trial.checkpoint_first else self.start
        self.stage = "start"
        self.notes: list[str] = []
        self.epochs = 0
        self.params: int | None = None
        self.inputs: DatasetInfo | None = None
        self.progress = ProgressFile(self.folder)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that it trains with. Raises BuildError if a setting leaves its bounds."""
        try:
            recipe = self.trial.candidate.training_recipe
        except ValidationError as error:
            field, problem = fault_of(error)
            raise BuildError(f"the recipe's {field} is beyond its bounds: {problem}") from error
        precision = self.trial.precision
        return recipe if precision is None else recipe.with_(precision=precision)

    def run(self) -> Generator[Epoch, None, Outcome]:
        """Runs the stages; `self.stage` names the current one, for exceptions."""
        if Path(self.trial.stop_file).exists():
            return self._outcome(Status.INTERRUPTED, "stopped before its first epoch")
        self._prepare_process()
        self._check_recipe()
        self.stage = "data"
        data = DATA.get(
            task_of(self.trial.candidate, for_bank=self.trial.keep_in_bank),
            image_size=self.trial.candidate.image_size,
            channels=self.trial.candidate.channels,
            root=Path(self.trial.data_root),
            device=self.device,
        )
        self.inputs = data.inputs
        training = self._resumed(data) or self._begun(data)
        self.epochs = training.epoch
        batches = data.train.steps(self.recipe.batch_size)
        self.progress.begin(self.epochs + 1, batches)
        for epoch in training.events():
            self.epochs = epoch.epoch
            self.progress.begin(self.epochs + 1, batches)
            stop = Path(self.trial.stop_file).exists()
            kept = False
            if stop or awake() - self.saved > self.trial.checkpoint_seconds:
                kept = self._checkpoint(training)
            reported = awake()
            yield epoch
            self.start += awake() - reported  # time in which the driver kept it waiting
            if stop and epoch.epoch < self.recipe.epochs:
                stage = "" if kept else "save"
                return self._outcome(Status.INTERRUPTED, "stopped after an epoch", stage=stage)
        self.stage = "measure"
        measured = self._measure(training, data)
        self.stage = "save"
        if self.trial.keep_in_bank:
            save_to_bank(self.trial, training, data, measured, self.start, self._tick)
        digest = self._save_weights(training.model) if self.trial.keep_weights else None
        weights = None if digest is None else WEIGHTS
        return self._outcome(
            Status.OK, stage="", weights=weights, weights_sha256=digest, **measured
        )

    def failed(self, error: BaseException) -> Outcome:
        """The outcome for an exception."""
        message = shorten(str(error), 300, placeholder=" …") or type(error).__name__
        status = self._status(error)
        if status is Status.CRASH and not isinstance(error, ProblemError):
            message = f"{type(error).__name__}: {message}"
        stage = self.stage
        if is_busy(error):
            stage = BUSY
        elif status is Status.OOM and stage not in MEMORY_OF_OTHERS and self._crowded():
            stage = CROWDED
            message += "; the GPU has less free memory than this trial's share"
        if status is Status.TIMEOUT:
            message = f"reached its time limit of {self.trial.time_limit:g} s"
        return self._outcome(
            status, message, detail="".join(traceback.format_exception(error)), stage=stage
        )

    def _prepare_process(self) -> None:
        torch.set_num_threads(self.trial.threads)
        open_device(self.device, self.share, context_bytes=CONTEXT_BYTES)

    def _check_recipe(self) -> None:
        """Raises BuildError for a recipe that cannot train, before data are loaded for it."""
        self.stage = "build"
        try:
            procedure(self.recipe.procedure).settings_of(self.recipe)
        except ProblemError as error:
            raise BuildError(str(error)) from error

    def _crowded(self) -> bool:
        return self.device.type == "cuda" and crowded(
            self.device, self.share, context_bytes=CONTEXT_BYTES
        )

    def _status(self, error: BaseException) -> Status:
        if isinstance(error, NonFiniteLossError):
            return Status.NAN
        if isinstance(error, TimeLimitReached):
            return Status.TIMEOUT
        if out_of_memory(error, self.device, self.share, context_bytes=CONTEXT_BYTES):
            return Status.OOM
        if isinstance(error, BuildError):
            return Status.INVALID
        return Status.CRASH

    def _tick(self) -> None:
        self.progress.batch()
        limit = self.trial.time_limit
        if limit is not None and awake() - self.start > limit:
            raise TimeLimitReached

    def _begun(self, data: Data) -> Procedure:
        """The candidate's training before its first epoch."""
        self.stage = "build"
        seed_everything(self.trial.candidate.seed, epoch=0)
        model = load_model(self.trial.code, data.num_classes)
        self.params = sum(p.numel() for p in model.parameters())
        try:
            more = load_bank_experts(model, self.trial, data)
        except BankError:  # not the candidate's fault: every candidate starts from the bank
            self.stage = "data"
            raise
        self.stage = "train"
        return procedure(self.recipe.procedure)(
            model,
            data,
            self.recipe,
            device=self.device,
            seed=self.trial.candidate.seed,
            micro_batches=self.trial.micro_batches,
            tick=self._tick,
            rungs=self.trial.rungs,
            **more,
        )

    def _resumed(self, data: Data) -> Procedure | None:
        """The training restored from an earlier attempt; None if there is no usable checkpoint."""
        if self.trial.resume_from is None:
            return None
        path = Path(self.trial.resume_from)
        try:
            state = load_checkpoint(path, self.trial.candidate.key)
        except CheckpointError as error:
            self.notes.append(f"started from scratch: {error}")
            return None
        training = self._begun(data)
        try:
            training.restore(state)
        except Exception as error:  # a checkpoint without a digest may be damaged in any way
            if is_accident(error):
                raise
            self.notes.append(f"started from scratch: {path} is damaged")
            return None
        return training

    def _checkpoint(self, training: Procedure) -> bool:
        """Whether a checkpoint could be written."""
        try:
            save_checkpoint(
                self.folder / CHECKPOINT, self.trial.candidate.key, training.state_dict()
            )
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            self.notes.append(f"no checkpoint after epoch {self.epochs}: {error}")
            return False
        finally:
            self.saved = awake()
        return True

    def _save_weights(self, model: nn.Module) -> str | None:
        """The SHA-256 of the weights file; None if it could not be written."""
        try:
            return save_weights(self.folder / WEIGHTS, model)
        except Exception as error:  # the measurements are worth keeping whatever the disk does
            self.notes.append(f"weights not saved: {error}")
            return None

    def _measure(self, training: Procedure, data: Data) -> dict[str, Any]:
        compute = Compute.of(self.recipe, self.device)

        def scored(split: Split) -> Score:
            return score(
                training.model,
                split,
                training.evaluation_batch,
                compute=compute,
                tick=self._tick,
            )

        val, test = training.last_score or scored(data.val), scored(data.test)
        structure = getattr(training.model, "structure", None)
        return {
            "structure": structure() if callable(structure) else None,
            "val_acc": val.acc,
            "val_loss": val.loss,
            "test_acc": test.acc,
            "uniform_val_acc": val.uniform_acc,
            "uniform_test_acc": test.uniform_acc,
            "oracle_val_acc": val.oracle_acc,
            "oracle_test_acc": test.oracle_acc,
            "val_images": len(data.val),
            "test_images": len(data.test),
            "experts": tuple(self._experts(training, val, test)),
        }

    def _experts(self, training: Procedure, val: Score, test: Score) -> Iterator[ExpertScore]:
        """Those that have logits of their own."""
        if training.routed is None or not val.expert_accs:
            return
        experts = self.trial.candidate.experts
        names = [(e.family, e.member.model) for e in experts] or training.routed.expert_names
        for (family, model), val_acc, test_acc, usage in zip(
            names, val.expert_accs, test.expert_accs, val.usage, strict=True
        ):
            yield ExpertScore(
                family=family, model=model, val_acc=val_acc, test_acc=test_acc, usage=usage
            )

    def _outcome(self, status: Status, message: str = "", **fields: Any) -> Outcome:
        return Outcome(
            status=status,
            message="; ".join(filter(None, (message, *self.notes))),
            epochs=self.epochs,
            params=self.params,
            inputs=self.inputs,
            seconds=awake() - self.start,
            peak_memory_bytes=peak_memory(self.device),
            **fields,
        )
