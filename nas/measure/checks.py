"""Checks of a network's outputs and gradients, with faults as ProblemErrors."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from nas.faults import is_accident
from nas.schema import ProblemError, one_line

_SHOWN = 3


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Turns a network's exception inside into a ProblemError: `what` and the reason, in one line.

    Out-of-memory and CUDA errors are passed on: the network may not be at fault.
    """
    try:
        yield
    except ProblemError:
        raise
    except Exception as error:
        if is_accident(error):
            raise
        raise ProblemError(f"{what}: {one_line(error)}") from error


def check_logits(logits: object, batch: int, num_classes: int, when: str) -> None:
    """Raises ProblemError unless `logits` are finite numbers of shape (batch, num_classes)."""
    if not isinstance(logits, torch.Tensor):
        raise ProblemError(f"gives a {type(logits).__name__}, not a tensor, {when}")
    if tuple(logits.shape) != (batch, num_classes):
        shape = tuple(logits.shape)
        raise ProblemError(f"gives {shape} instead of {(batch, num_classes)} {when}")
    if not logits.isfinite().all():
        raise ProblemError(f"gives infinite or undefined numbers {when}")


def check_gradients(model: nn.Module, *, zeros: bool = False) -> None:
    """After a backward pass: raises ProblemError unless every trainable tensor has a gradient.

    Single gradients may be zero, as before a residual branch that starts at zero. All of them may
    not, unless `zeros` allows it. A missing gradient means that the tensor took no part; AdamW
    would skip it silently.
    """
    trainable = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    if not trainable:
        raise ProblemError("has nothing to train")
    if missing := [name for name, p in trainable if p.grad is None]:
        raise ProblemError(f"no gradient reaches {_named(missing)}")
    if wild := [n for n, p in trainable if p.grad is not None and not p.grad.isfinite().all()]:
        raise ProblemError(f"infinite or undefined gradient in {_named(wild)}")
    if not zeros and not any(p.grad is not None and p.grad.any() for _, p in trainable):
        raise ProblemError("every gradient is zero")


def _named(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
