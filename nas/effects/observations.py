"""Results as a design matrix: which families, members and settings each candidate held.

Shapes: n results, F families, q further columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nas.spec import Assignment

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST = 3
"""Results of a family that an error can be estimated from."""
DETERMINED = 0.99
"""The leverage of a result that fits itself."""


@dataclass(frozen=True)
class Observations:
    """One row a result.

    The further columns are contrasts that sum to zero over the members of a family, and over the
    settings of a choice: a family's coefficient is then the mean over its members that have
    results, at the mean of all settings.
    """

    families: tuple[str, ...]
    held: Bools
    """`(n, F)`."""
    contrasts: Floats
    """`(n, q)`: members and settings."""
    value: Floats
    """`(n,)`."""

    @classmethod
    def of(
        cls,
        families: Sequence[str],
        assignments: Sequence[Assignment],
        values: Iterable[float],
    ) -> Self:
        """From candidates and what came of them, in the same order."""
        place = {family: n for n, family in enumerate(families)}
        held = np.zeros((len(assignments), len(place)), dtype=bool)
        models: dict[str, list[str | None]] = {
            family: [None] * len(assignments) for family in families
        }
        settings: dict[str, list[str | None]] = {}
        for row, assignment in enumerate(assignments):
            for pick in assignment.picks:
                if pick.family in place:
                    held[row, place[pick.family]] = True
                    models[pick.family][row] = pick.model
            for name, value in assignment.choices:
                settings.setdefault(name, [None] * len(assignments))[row] = repr(value)
        columns = [_contrasts(levels) for levels in _named(models, settings)]
        empty = np.empty((len(assignments), 0))
        return cls(
            families=tuple(families),
            held=held,
            contrasts=np.hstack([empty, *columns]),
            value=np.fromiter(values, dtype=np.float64, count=len(assignments)),
        )

    def alone(self) -> Self:
        """Without members and settings."""
        return type(self)(self.families, self.held, self.contrasts[:, :0], self.value)

    @property
    def matrix(self) -> Floats:
        """`(n, F + q)`. It needs no intercept: every candidate holds k families."""
        return np.hstack([self.held.astype(np.float64), self.contrasts])

    @property
    def counts(self) -> NDArray[np.int64]:
        """Results with each family, `(F,)`."""
        counts: NDArray[np.int64] = self.held.sum(axis=0)
        return counts

    def fit_for_errors(self) -> Self:
        """These results, as far as errors can be estimated from them.

        Without those of families that have fewer than three results: their coefficients would fit
        them and leave nothing to judge by. With members and settings where there are at least two
        results for every coefficient and no result determines one alone; without them otherwise:
        the draw balances them, so that leaving them out only adds noise.
        """
        seen = self
        while (rare := (seen.counts > 0) & (seen.counts < FEWEST)).any():
            kept = ~seen.held[:, rare].any(axis=1)
            seen = type(self)(
                seen.families, seen.held[kept], seen.contrasts[kept], seen.value[kept]
            )
        coefficients = np.count_nonzero(seen.counts) + seen.contrasts.shape[1]
        enough = len(seen.value) >= 2 * coefficients and seen.leverage.max(initial=0.0) < DETERMINED
        return seen if enough else seen.alone()

    @property
    def leverage(self) -> Floats:
        """The diagonal of X(XᵀX)⁺Xᵀ, `(n,)`: how much each result decides its own fitted value."""
        basis = self.basis
        leverage: Floats = (basis**2).sum(axis=1)
        return leverage

    @property
    def basis(self) -> Floats:
        """An orthonormal basis of the design's columns, `(n, rank)`."""
        if not self.value.size or not self.matrix.size:
            return np.empty((len(self.value), 0))
        left, scale, _ = np.linalg.svd(self.matrix, full_matrices=False)
        basis: Floats = left[:, scale > 1e-9 * scale[0]]
        return basis


def _named(
    *levels: Mapping[str, Sequence[str | None]],
) -> Iterable[Sequence[str | None]]:
    return (column for group in levels for column in group.values())


def _contrasts(levels: Sequence[str | None]) -> Floats:
    """(n, m − 1) for m levels: 1 for the row's level, −1 for the last one, 0 where it has none."""
    known = sorted({level for level in levels if level is not None})
    column = {level: n for n, level in enumerate(known)}
    found = np.zeros((len(levels), max(0, len(known) - 1)))
    for row, level in enumerate(levels):
        if level is None:
            continue
        if column[level] < len(known) - 1:
            found[row, column[level]] = 1.0
        else:
            found[row] = -1.0
    return found
