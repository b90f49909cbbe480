"""Saves a trained expert to the bank: its weights and its predictions."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from nas.compute import Compute
from nas.data.batches import Data
from nas.experts import Bank, Entry, Part
from nas.measure.figures import BATCH, figures
from nas.schema import ProblemError, Trial
from nas.train import Procedure, is_out_of_memory, load_model
from nas.train.checkpoint import save_weights
from nas.train.predicting import predict
from nas.train.seeding import seed_everything
from nas.working_time import awake


def save_to_bank(
    trial: Trial,
    training: Procedure,
    data: Data,
    measured: dict[str, Any],
    start: float,
    tick: Callable[[], None],
) -> Entry:
    """Writes the expert trained by `training` into the trial's bank; returns its entry.

    `measured` contains the attempt's measurements, `start` is its start time (`awake`). Errors of
    the disk or of the bank's size limit are raised and fail the attempt, which was made for the
    bank. Raises ProblemError without held-out images.
    """
    if data.held is None:
        raise ProblemError(
            "an expert for the bank needs held-out images", fix="set hold_out above 0"
        )
    assert trial.bank is not None
    compute = Compute.of(training.recipe, training.device)
    splits = {"held": data.held, "val": data.val, "test": data.test}
    predictions = {
        name: predict(training.model, split, training.evaluation_batch, compute=compute, tick=tick)
        for name, split in splits.items()
    }
    features = predictions["held"].features
    zero_cost = _proxies(trial, training, data)

    def describe(files: dict[str, Part]) -> Entry:
        return Entry(
            candidate=trial.candidate,
            inputs=data.inputs,
            held_images=len(splits["held"]),
            features=None if features is None else features.shape[1],
            val_acc=measured["val_acc"],
            test_acc=measured["test_acc"],
            params=sum(p.numel() for p in training.model.parameters()),
            seconds=awake() - start,
            proxies=zero_cost,
            versions={"torch": torch.__version__, "timm": version("timm")},
            device=str(training.device),
            files=files,
        )

    return Bank(Path(trial.bank)).put(
        trial.candidate.key,
        lambda path: save_weights(path, training.model),
        {name: (p.logits, p.labels, p.features) for name, p in predictions.items()},
        describe,
        limit=trial.bank_bytes,
    )


def _proxies(trial: Trial, training: Procedure, data: Data) -> dict[str, float]:
    """Zero-cost proxies of the freshly initialised model, on images drawn with its seed. Empty if
    the batch does not fit the device: a baseline must not cost an expert."""
    seed = trial.candidate.seed
    seed_everything(seed, epoch=0)
    fresh = load_model(trial.code, data.num_classes)
    generator = torch.Generator().manual_seed(seed)
    try:
        images, labels = next(iter(data.train.batches(BATCH, generator=generator)))
        return figures(fresh.to(training.device), images, labels)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return {}
