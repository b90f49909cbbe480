"""A network's faults as Problems, and what a network must show to have none."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from nas.faults import is_accident
from nas.schema import ProblemError, one_line

_SHOWN = 3


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Turns whatever a network raises inside into ProblemError `what`: the reason in one line.

    Memory that ran out and CUDA's errors pass: they may be the moment's, not the network's.
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

    One tensor's gradient may be zeros: a residual branch that starts at zero gives them to what
    lies before it. All of them may not, unless `zeros` allows it. No gradient at all means that
    the tensor took no part, and AdamW would leave it out without a word.
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
