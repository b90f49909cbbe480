"""Results as a design matrix: the families, members and settings of each candidate.

Shapes: n results, F families, g groups of levels, q further columns, r the rank, m picks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nas.schema import Assignment

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

FEWEST = 5
"""The smallest number of a family's results for estimating an error."""
_WELL = 1e-5
"""The smallest ratio of least to greatest eigenvalue at which rounding errors are negligible."""
_ROUNDING = 1e-11
"""Differences below this share of the largest value are rounding errors."""
DETERMINED = 0.99
"""The leverage above which a result determines its own fit."""


@dataclass(frozen=True)
class Observations:
    """One row per result."""

    families: tuple[str, ...]
    held: Bools
    """`(n, F)`: which families each candidate contains."""
    levels: Ints
    """`(n, g)`: for each family with several members, and each choice, the index of the level; −1
    for none."""
    value: Floats
    """`(n,)`."""

    @classmethod
    def of(
        cls, families: Sequence[str], assignments: Sequence[Assignment], values: Iterable[float]
    ) -> Self:
        """From candidates and their results, in the same order."""
        picks = [(row, pick) for row, a in enumerate(assignments) for pick in a.picks]
        names = {name for assignment in assignments for name, _ in assignment.choices}
        chosen = [dict(assignment.choices) for assignment in assignments]
        return cls.build(
            families,
            np.array([row for row, _ in picks], dtype=np.int64),
            [pick.family for _, pick in picks],
            [pick.model for _, pick in picks],
            {name: [settings.get(name) for settings in chosen] for name in sorted(names)},
            np.fromiter(values, dtype=np.float64, count=len(assignments)),
        )

    @classmethod
    def build(
        cls,
        families: Sequence[str],
        row: Ints,
        family: Sequence[str],
        model: Sequence[str],
        settings: Mapping[str, Sequence[Any]],
        value: Floats,
    ) -> Self:
        """From columns.

        Args:
            row: `(m,)` the index of the result that each pick belongs to.
            family: `(m,)` the picked families; those not in `families` are ignored.
            model: `(m,)` the picked members.
            settings: `(n,)` values of each choice.
        """
        place = {name: n for n, name in enumerate(families)}
        column = np.array([place.get(name, -1) for name in family], dtype=np.int64)
        known = column >= 0
        codes = {name: n for n, name in enumerate(sorted(set(model)))}
        members = np.array([codes[name] for name in model], dtype=np.int64)
        row, column, members = row[known], column[known], members[known]
        held = np.zeros((len(value), len(place)), dtype=bool)
        held[row, column] = True
        levels = []
        for at in range(len(place)):
            mine = column == at
            known, place_of = np.unique(members[mine], return_inverse=True)
            if len(known) > 1:
                levels.append(np.full(len(value), -1))
                levels[-1][row[mine]] = place_of
        for values in settings.values():
            known, place_of = np.unique([repr(v) for v in values], return_inverse=True)
            if len(known) > 1:
                levels.append(place_of)
        empty = np.empty((len(value), 0), dtype=np.int64)
        return cls(tuple(families), held, np.column_stack([empty, *levels]), value)

    @cached_property
    def design(self) -> "csr_array[Any, Any]":
        """The design matrix X, `(n, F + q)`, sparse.

        The q further columns sum to zero over the members of a family, and over the settings of a
        choice, so that a family's coefficient is the mean over its members with results, at the
        mean of all settings. It needs no intercept, because every candidate contains k families.
        """
        from scipy.sparse import csr_array, hstack

        held = csr_array(self.held, dtype=np.float64)
        return hstack([held, *(_contrasts(codes) for codes in self.levels.T)], format="csr")

    @cached_property
    def gram(self) -> Floats:
        """XᵀX of the design, `(F + q, F + q)`."""
        gram: Floats = (self.design.T @ self.design).toarray()
        return gram

    @cached_property
    def counts(self) -> Ints:
        """Results with each family, `(F,)`."""
        counts: Ints = self.held.sum(axis=0)
        return counts

    @cached_property
    def rotation(self) -> Floats:
        """`(F + q, r)`: design @ rotation = `basis`."""
        if not self.design.shape[0] or not self.design.shape[1]:
            return np.empty((self.design.shape[1], 0))
        # Eigenvectors of XᵀX are cheap however many the results.
        scale, vectors = np.linalg.eigh(self.gram)
        kept = scale > 1e-10 * scale[-1]
        rotation: Floats = vectors[:, kept] / np.sqrt(scale[kept])
        if scale[kept][0] < _WELL * scale[-1]:
            # A second round mends what squaring lost (CholeskyQR2: Yamamoto and others 2015).
            rough = self.design @ rotation
            rotation = rotation @ np.linalg.inv(np.linalg.cholesky(rough.T @ rough)).T
        return rotation

    @cached_property
    def basis(self) -> Floats:
        """An orthonormal basis of the design's columns, `(n, r)`."""
        basis: Floats = self.design @ self.rotation
        return basis

    @cached_property
    def residual(self) -> Floats:
        """What families, members and settings leave of the values, `(n,)`; 0 where that is
        rounding, or equal results would seem to differ."""
        residual: Floats = self.value - self.basis @ (self.basis.T @ self.value)
        residual[np.abs(residual) <= _ROUNDING * np.abs(self.value).max(initial=0.0)] = 0.0
        return residual

    @cached_property
    def leverage(self) -> Floats:
        """The diagonal of X(XᵀX)⁺Xᵀ, `(n,)`: how much each result decides its own fitted value."""
        leverage: Floats = np.einsum("nr,nr->n", self.basis, self.basis)
        return leverage

    @cached_property
    def fit_for_errors(self) -> Self:
        """These results, as far as errors can be estimated from them.

        Without the results of families that have too few of them, and without those that a
        coefficient of their own, a member's perhaps, would fit exactly: they say nothing about the
        others. And without members and settings where there are fewer than two results for every
        coefficient (`adjusts` tells).
        """
        seen = self
        while True:
            rare = (seen.counts > 0) & (seen.counts < FEWEST)
            kept: Bools = np.logical_not(seen.held[:, rare].any(axis=1, keepdims=True))[:, 0]
            if kept.all() and 2 * seen.rotation.shape[1] > len(seen.value):
                seen = replace(seen, levels=seen.levels[:, :0])
            if kept.all():
                kept = seen.leverage < DETERMINED
            if kept.all():
                return seen
            seen = seen.only(kept)

    def only(self, kept: Bools) -> Self:
        """Some of the results, `kept` `(n,)`."""
        return replace(self, held=self.held[kept], levels=self.levels[kept], value=self.value[kept])

    @property
    def adjusts(self) -> bool:
        """Whether members and settings are in it, or there were none to separate."""
        return bool(self.levels.shape[1])


def _contrasts(codes: Ints) -> "csr_array[Any, Any]":
    """(n, m − 1) for m levels: 1 for the row's level, −1 for the last one, 0 where it has none."""
    from scipy.sparse import csr_array

    known, place = np.unique(codes[codes >= 0], return_inverse=True)
    rows = np.flatnonzero(codes >= 0)
    last, width = place == len(known) - 1, max(0, len(known) - 1)
    at = np.concatenate([rows[~last], np.repeat(rows[last], width)])
    column = np.concatenate([place[~last], np.tile(np.arange(width), int(last.sum()))])
    value = np.repeat([1.0, -1.0], [int((~last).sum()), width * int(last.sum())])
    return csr_array((value, (at, column)), shape=(len(codes), width))
