"""Applies one instrument to one trained candidate, in this process."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from nas.diagnose.explaining import LOAD, OTHER_WORK
from nas.diagnose.instruments.base import Figures, Instrument, NotApplicable, Subject
from nas.measure.other_work import other_work
from nas.registry import INSTRUMENTS
from nas.schema import Candidate
from nas.train.scoring import evaluation_batch
from nas.trained.model import opened, trained_model
from nas.worker.bank_experts import task_of
from nas.worker.data_cache import DataCache
from nas.working_time import awake

DATA = DataCache()
"""This process's data cache."""


@dataclass(frozen=True, slots=True)
class TrainedCandidate:
    """A candidate that was trained, and where it is examined."""

    candidate: Candidate
    code: str
    weights: str
    """Path of a safetensors file."""
    structure: Mapping[str, Any] | None
    """What the model's shapes are, if training may change them; as in `nas.train.load_model`."""
    micro_batches: int
    """In which it was trained."""
    data_root: str
    device: str
    """`cpu` or `cuda`."""
    precision: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What an instrument found."""

    figures: dict[str, float | tuple[float, ...]]
    reason: str
    """Why it does not apply; empty if it does."""
    seconds: float
    """Without loading the data and the model."""


def instrument(name: str) -> type[Instrument]:
    """The instrument of that name. Raises as `nas.registry.Registry.subclass`."""
    return INSTRUMENTS.subclass(name, Instrument)


def examine(name: str, trained: TrainedCandidate) -> Finding:
    """What the instrument of that name finds in a candidate; where it has to work alone, also how
    busy other programs kept the machine.

    Data stay in this process for the next call. Exceptions of the data, the model and the
    instrument pass; ValueError for figures that are none.
    """
    compute = opened(trained.device, trained.precision)
    candidate = trained.candidate
    data = DATA.get(
        task_of(candidate),
        image_size=candidate.image_size,
        channels=candidate.channels,
        root=Path(trained.data_root),
        device=compute.device,
    )
    model = trained_model(
        trained.code, trained.weights, data.num_classes, compute, trained.structure
    )
    subject = Subject(
        model=model,
        data=data,
        compute=compute,
        batch_size=evaluation_batch(candidate.training_recipe, trained.micro_batches),
        seed=candidate.seed,
    )
    kind = instrument(name)
    start = awake()
    with other_work() as others:
        found = kind().examine(subject)
    seconds = awake() - start
    if isinstance(found, NotApplicable):
        return Finding({}, found.reason, seconds)
    meanwhile = {OTHER_WORK: others.share, LOAD: others.load} if kind.alone else {}
    return Finding(checked({**found, **meanwhile}), "", seconds)


def checked(figures: Figures) -> dict[str, float | tuple[float, ...]]:
    """The figures as plain numbers. Raises ValueError for one that is not a finite number, and
    where there is none."""
    if not figures:
        raise ValueError("an instrument that applies must give a figure")
    return {
        name: tuple(_number(name, each) for each in value)
        if isinstance(value, tuple)
        else _number(name, value)
        for name, value in figures.items()
    }


def _number(name: str, value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(f"its figure {name} is {number}")
    return number
