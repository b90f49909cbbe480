"""The contract of instruments."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from nas.compute import Compute
from nas.data.batches import Data

Figures = Mapping[str, float | tuple[float, ...]]
"""Finite numbers, or several, by name; `.` separates the parts of a name, as in `val.gate.dead`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A trained model, and what it is examined with."""

    model: nn.Module
    """In evaluation mode, on the device, with the weights of the candidate's last epoch."""
    data: Data
    """The splits that it was trained and scored on, on the device."""
    compute: Compute
    """The device, in the precision of training; on a CPU with one thread."""
    batch_size: int
    """Images of a forward pass, as in the scores during training: with a capacity, the images of a
    batch compete for places."""
    seed: int
    """The candidate's; for all that an instrument draws."""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """An instrument has no meaning for a model."""

    reason: str
    """Why, as a short clause."""


class Instrument(ABC):
    """Examines a trained model.

    A file in this folder holds one subclass; the file of the same name in `nas/diagnose/legends`
    says what each figure means, and `tests/diagnose` runs the contract on each:

    - the same model, data and seed give the same figures, except for measured times;
    - afterwards the model's parameters, buffers, gradients, `requires_grad` and modes, and torch's
      global random state, are as they were, and no hook is left.

    Exceptions are reported for the candidate, and the next instrument is applied.
    """

    alone: ClassVar[bool] = False
    """Whether other work on the machine would change its figures: it is then not applied while a
    campaign of the ledger is running."""

    @abstractmethod
    def examine(self, subject: Subject) -> Figures | NotApplicable:
        """The figures of the model, at least one, or why the instrument does not apply."""
