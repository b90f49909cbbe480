"""Like the sampler `screen`, but the next choice depends on the results of training so far."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import numpy as np

from nas.sample.grid import Point
from nas.sample.samplers._two_arms import Mixture, TwoArmSampler
from nas.schema import ExpertChoice, Phase, Record, Space

Order = Callable[[Sequence[Record]], Iterable[int]]
"""Maps the records so far to indices of mixtures, best first; depends on nothing else."""


def chosen_slot(number: int, slots: int) -> bool:
    """Whether the draw with this number, from 0, belongs to the chosen arm of `slots` draws."""
    return number % 2 == 0 and number < 2 * slots


class SurrogateSampler(TwoArmSampler):
    """Alternates between the mixture that is now ranked first and a stratified draw of others.

    A mixture that either arm has drawn is not chosen again, and other settings of a chosen mixture
    are never drawn. An even draw below 2 · `slots` belongs to the chosen arm if and only if its
    mixture was scored and is drawn for the first time; if no such mixture is left, the control arm
    draws.
    """

    uses_results: ClassVar[bool] = True
    selection_bias: ClassVar[str] = "what the screen and results so far rank first"

    def __init__(
        self,
        space: Space,
        seed: int,
        mixtures: Sequence[Sequence[ExpertChoice]] = (),
        order: Order = lambda records: (),
        slots: int = 0,
    ) -> None:
        """`mixtures`: all that were scored; `order`: ranks them; `slots`: number of mixtures that
        the chosen arm draws."""
        self._order = order
        self._slots = slots
        super().__init__(space, seed)
        self._scored = list(self._mixtures(mixtures))
        self._known = set(self._scored)

    def _reset(self) -> None:
        super()._reset()
        self._seen: set[Mixture] = set()

    def _observe(self, record: Record, point: Point | None) -> None:
        mixture = self._mixture(point)
        if point is None or mixture is None:
            super()._observe(record, point)
            return
        fresh = mixture in self._known and mixture not in self._seen
        self._seen.add(mixture)
        if fresh and chosen_slot(record.number, self._slots):
            self._count_settings(point)
            self._withhold(mixture)
        else:
            super()._observe(record, point)

    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        if chosen_slot(len(records), self._slots):
            allowed = set(eligible)
            for place in self._order(records):
                mixture = self._scored[place]
                if mixture and mixture not in self._seen and allowed.issuperset(mixture[0]):
                    return self._with_settings(mixture, rng)
        return super()._choose(records, phase, eligible, rng)
