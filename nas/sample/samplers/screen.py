"""The best mixtures of a screen, and a control sample of the others."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nas.sample.grid import Point
from nas.sample.samplers._two_arms import Mixture, TwoArmSampler
from nas.schema import ExpertChoice, Phase, Record, Space


class TopKWithControls(TwoArmSampler):
    """Alternates between chosen mixtures, best first, and stratified draws from all others.

    So both arms grow equally, and the screen's predictions can be compared with the results. When
    one arm is exhausted, only the other is drawn. Other settings of a chosen mixture are not drawn.
    """

    selection_bias: ClassVar[str] = "what the screen scored best"

    def __init__(
        self, space: Space, seed: int, chosen: Sequence[Sequence[ExpertChoice]] = ()
    ) -> None:
        """`chosen`: mixtures, best first; those that are not in the space are skipped."""
        self._wanted = chosen
        super().__init__(space, seed)

    def _reset(self) -> None:
        super()._reset()
        self._chosen: dict[Mixture, bool] = {}
        """By mixture, best first: whether it is drawn."""
        self._drawn_chosen = 0
        for mixture in self._mixtures(self._wanted):
            if mixture and mixture not in self._chosen:
                self._chosen[mixture] = False
                self._withhold(mixture)

    def _observe(self, record: Record, point: Point | None) -> None:
        mixture = self._mixture(point)
        if point is None or mixture not in self._chosen:
            super()._observe(record, point)
            return
        self._chosen[mixture] = True
        self._drawn_chosen += 1
        self._count_settings(point)

    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        chosen = self._best_left(set(eligible))
        if chosen is None or 2 * self._drawn_chosen > len(records):
            control = super()._choose(records, phase, eligible, rng)
            if control is not None or chosen is None:
                return control
        return self._with_settings(chosen, rng)

    def _best_left(self, eligible: set[int]) -> Mixture | None:
        for mixture, drawn in self._chosen.items():
            if not drawn and eligible.issuperset(mixture[0]):
                return mixture
        return None
