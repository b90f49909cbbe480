"""What the importance and the load loss have in common."""

from torch import Tensor


def squared_variation(x: Tensor) -> Tensor:
    """The squared coefficient of variation of `(E,)` numbers, variance over squared mean: 0 when
    all are equal, E − 1 when all but one are 0."""
    # As in the paper's code: no division by 0 where every number is.
    return x.var(correction=0) / (x.mean().square() + 1e-10)
