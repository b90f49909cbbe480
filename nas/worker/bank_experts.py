"""Candidates with experts from the bank, frozen or finetuned.

The candidate's choice `start` decides: with `frozen` experts only the gate is trained; `finetuned`
experts are trained on all training images, with `warm_lr` times the recipe's learning rate. An
expert that is finetuned for the bank is trained in the same way, alone, and without the held-out
images.
"""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from nas.data.batches import Data, Split
from nas.experts import Bank, BankError
from nas.experts.loading import load_trunk
from nas.experts.weights import WeightStore
from nas.schema import (
    FINETUNED,
    SCRATCH,
    WEIGHTS,
    Candidate,
    ProblemError,
    Task,
    Trial,
)


def task_of(candidate: Candidate, *, for_bank: bool = False) -> Task:
    """A candidate's data; finetuned experts also train on held-out images, except for the bank."""
    if candidate.source.start == FINETUNED and candidate.init_from and not for_bank:
        return candidate.task.with_(hold_out=0.0)
    return candidate.task


def load_pretrained(model: nn.Module, candidate: Candidate) -> None:
    """Loads the store's weights into the trunks of a mixture's experts, or of a single one.

    Raises ProblemError where they are missing, damaged, or do not fit.
    """
    store = WeightStore.default()
    for expert, network in zip(candidate.experts, getattr(model, "experts", [model]), strict=True):
        if expert.member.weights is not None:
            file = store.checked(expert.member.weights)
            load_trunk(network.trunk.network, expert.member, file)


def load_bank_experts(model: nn.Module, trial: Trial, data: Data) -> dict[str, Any]:
    """Loads the bank's weights into a mixture's experts; returns more arguments for its procedure.

    With frozen experts these are `cached_logits`: by split (`held`, `val`), `(N, E, C)`. Raises
    ProblemError if the bank lacks an expert or its predictions are for other images.
    """
    candidate = trial.candidate
    source = candidate.source
    if not source.keys:
        if candidate.pretrained:
            if source.start != SCRATCH:
                load_pretrained(model, candidate)
            return {}
        if source.start != SCRATCH:
            raise ProblemError(
                f"{source.start} experts must come from a bank",
                fix="search with --experts bank",
            )
        return {}
    if trial.bank is None:
        raise ProblemError("this candidate's experts come from a bank, but no bank is given")
    bank = Bank(Path(trial.bank))
    entries = [bank.entry(key) for key in source.keys]
    experts = getattr(model, "experts", [model])  # a single member is its own expert
    for expert, entry in zip(experts, entries, strict=True):
        safetensors.torch.load_model(expert, bank.checked(entry, WEIGHTS))
    if source.start == FINETUNED:
        return {}
    if data.held is None:
        raise ProblemError("a gate over frozen experts needs held-out images")
    predictions = [bank.logits(entry) for entry in entries]
    splits: dict[str, Split] = {"held": data.held, "val": data.val}
    cached: dict[str, Tensor] = {}
    for name, split in splits.items():
        for entry, predicted in zip(entries, predictions, strict=True):
            if not torch.equal(predicted[name][1], split.labels.cpu()):
                raise BankError(
                    f"the bank's predictions of {entry.model} are for other images",
                    where=str(bank.folder / entry.key),
                    fix="train a new bank on the current data",
                )
        cached[name] = torch.stack([predicted[name][0] for predicted in predictions], dim=1)
    return {"cached_logits": cached}
