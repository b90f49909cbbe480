"""Samplers: the next point of a space, as a function of (space, seed, records, phase).

To add one, put a file with a subclass of `Sampler` into `samplers/`: `--sampler` takes its name,
and the contract tests cover it.
"""

from nas.registry import SAMPLERS
from nas.sample.base import Sampler
from nas.sample.samplers.corrected import SurrogateSampler
from nas.sample.samplers.screen import TopKWithControls
from nas.schema import Space


def sampler_class(name: str) -> type[Sampler]:
    """The sampler class with this name. Raises UsageError for an unknown name."""
    return SAMPLERS.subclass(name, Sampler)


def make_sampler(name: str, space: Space, seed: int) -> Sampler:
    """The named sampler over `space`.

    Raises UsageError for an unknown name, and ProblemError for a negative seed or if the sampler's
    library is not installed.
    """
    return sampler_class(name)(space, seed)


def bias_of(name: str) -> str:
    """Why draws of the named sampler need not be fair, in words; empty if they are."""
    if name not in SAMPLERS.names():  # a ledger may come from an installation with more samplers
        return f"the sampler {name} is unknown in this installation"
    return sampler_class(name).bias()


__all__ = [
    "Sampler",
    "SurrogateSampler",
    "TopKWithControls",
    "bias_of",
    "make_sampler",
    "sampler_class",
]
