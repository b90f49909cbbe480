"""Samplers: the next point of a space, as a function of (space, seed, records, phase).

To add one, subclass `Sampler`, put it into `SAMPLERS`, and the contract tests cover it.
"""

from nas.sample.base import Sampler
from nas.sample.lexicographic import LexicographicSampler
from nas.sample.stratified import StratifiedSampler
from nas.sample.surrogate import SurrogateSampler
from nas.sample.top_k import TopKWithControls
from nas.sample.tpe import TPESampler
from nas.sample.uniform import UniformSampler
from nas.schema import Space, UsageError, did_you_mean

SAMPLERS: dict[str, type[Sampler]] = {
    sampler.name: sampler
    for sampler in (
        StratifiedSampler,
        UniformSampler,
        LexicographicSampler,
        TPESampler,
        TopKWithControls,
        SurrogateSampler,
    )
}
"""Every sampler by its name; the first is the default."""


def make_sampler(name: str, space: Space, seed: int) -> Sampler:
    """The named sampler over `space`.

    Raises ProblemError for an unknown name, for a negative seed, and for a sampler whose library
    is not installed.
    """
    if name not in SAMPLERS:
        raise UsageError(f"there is no sampler {name!r}", fix=did_you_mean(name, SAMPLERS))
    return SAMPLERS[name](space, seed)


__all__ = ["SAMPLERS", "Sampler", "SurrogateSampler", "TopKWithControls", "make_sampler"]
