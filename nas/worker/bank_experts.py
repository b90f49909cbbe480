"""Candidates whose experts come from the bank: frozen, or trained on.

A candidate says which by its choice `start`: `frozen` experts stay as they are and only the gate
learns; `finetuned` ones train on, at `warm_lr` of the recipe's rate, on all training images. An
expert that is tuned for the bank trains on alike, by itself, and still without what is held out.
"""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from nas.data.batches import Data, Split
from nas.experts import Bank, BankError
from nas.schema import (
    FINETUNED,
    SCRATCH,
    WEIGHTS,
    ProblemError,
    Task,
    Trial,
)


def task_of(trial: Trial) -> Task:
    """The data it sees: nothing is held out from experts that train on, but for the bank."""
    task = trial.candidate.task
    if trial.candidate.source.start == FINETUNED and not trial.keep_in_bank:
        return task.with_(hold_out=0.0)
    return task


def load_bank_experts(model: nn.Module, trial: Trial, data: Data) -> dict[str, Any]:
    """Puts the bank's weights into a mixture's experts.

    Returns what its procedure needs besides. Raises ProblemError where the
    bank lacks an expert, or knows it of other images.
    """
    candidate = trial.candidate
    source = candidate.source
    if not source.keys:
        if source.start != SCRATCH:
            raise ProblemError(
                f"experts can be {source.start} only where they come from a bank",
                fix="search with --experts bank",
            )
        return {}
    if trial.bank is None:
        raise ProblemError("this candidate's experts come from a bank, and none is named")
    bank = Bank(Path(trial.bank))
    entries = [bank.entry(key) for key in source.keys]
    experts = getattr(model, "experts", [model])  # a member alone is its own
    for expert, entry in zip(experts, entries, strict=True):
        safetensors.torch.load_model(expert, bank.checked(entry, WEIGHTS))
    if source.start == FINETUNED:
        return {}
    if data.held is None:
        raise ProblemError("a gate over frozen experts is fitted on images held out from them")
    predictions = [bank.logits(entry) for entry in entries]
    splits: dict[str, Split] = {"held": data.held, "val": data.val}
    answers: dict[str, Tensor] = {}
    for name, split in splits.items():
        for entry, answer in zip(entries, predictions, strict=True):
            if not torch.equal(answer[name][1], split.labels.cpu()):
                raise BankError(
                    f"{entry.model} of the bank was asked about other images",
                    where=str(bank.folder / entry.key),
                    fix="fill a bank from the data as they are now",
                )
        answers[name] = torch.stack([answer[name][0] for answer in predictions], dim=1)
    return {"answers": answers}
