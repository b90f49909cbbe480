"""Optuna's Tree-structured Parzen Estimator over families, members and choices."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from nas.sample.grid import Grid, Point
from nas.sample.samplers.uniform import UniformSampler
from nas.schema import Phase, ProblemError, Record, Space

STARTUP = 10
"""Number of results before the first model; until then draws are uniform. Optuna's default."""
GOOD = 25
"""Optuna never models more than 25 trials as good."""
OTHERS = 225
"""With 225 other trials Optuna models 25 as good; more trials would change only the others."""
ASKS = 10
"""Number of suggestions of already drawn points before a uniform point is taken."""
_POOR = 0.0
_ABSENT = 0


class TPESampler(UniformSampler):
    """Draws points that resemble the good records more than the others.

    Encoding: one categorical parameter per family, with the values "absent" and its members, and
    one per choice. The alternative, k parameters with n families each, would encode one set in k!
    ways, model each family separately in every slot, and suggest one family in several slots more
    and more often. Here a set has one encoding, and Optuna's multivariate kernels change about one
    of its families at a time. Random families are removed from a suggestion of more than k
    families, and added to one of fewer.

    Each draw builds a study in memory from the 25 best records and the 225 latest others. A failed
    record has accuracy 0, as has one without a result yet (a constant lie), so that parallel draws
    differ. Records with a family that is not eligible now are omitted. A suggestion that is already
    drawn is rejected; after ten rejections a uniform undrawn point is taken. With fewer than ten
    results every draw is uniform.
    """

    uses_results: ClassVar[bool] = True
    selection_bias: ClassVar[str] = "what did well"

    def __init__(self, space: Space, seed: int) -> None:
        """Raises ProblemError if Optuna is not installed."""
        if find_spec("optuna") is None:
            raise ProblemError(
                "the sampler tpe needs Optuna, which is not installed",
                fix="pip install optuna, or choose another sampler",
            )
        super().__init__(space, seed)

    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        uniform = super()._choose(records, phase, eligible, rng)
        rows = self._rows(records, eligible)
        results = sum(record.status is not None for record, _ in rows)
        if uniform is None or results < STARTUP:
            return uniform
        with _quiet():
            study = _study(self.grid, eligible, rows, seed=int(rng.integers(2**32)))
            distributions = _distributions(self.grid, eligible)
            for _ in range(ASKS):
                params = study.ask(distributions).params
                point = _repair(self.grid, eligible, params, rng)
                if point.digits not in self._drawn.get(point.subset, ()):
                    return point
        return uniform

    def _rows(
        self, records: Sequence[Record], eligible: tuple[int, ...]
    ) -> list[tuple[Record, Point]]:
        """The records for the study, in order: the best `GOOD`, and the latest `OTHERS` of the
        rest."""
        allowed = set(eligible)
        rows = [
            (record, point)
            for record, point in zip(records, self._points, strict=True)
            if point is not None and allowed.issuperset(point.subset)
        ]
        # sorted is stable: of equal records the earlier one counts as better, in every process.
        ranked = sorted(range(len(rows)), key=lambda i: -_value(rows[i][0]))
        others = sorted(ranked[GOOD:])[-OTHERS:]
        return [rows[i] for i in sorted(ranked[:GOOD] + others)]


def _value(record: Record) -> float:
    failed = record.status is not None and record.status.failed
    if failed or record.value is None or not np.isfinite(record.value):
        return _POOR
    return record.value


def _distributions(grid: Grid, eligible: Sequence[int]) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution

    families = {
        f"family {grid.families[f]}": CategoricalDistribution(range(grid.sizes[f] + 1))
        for f in eligible
    }
    choices = {
        f"choice {axis}": CategoricalDistribution(range(width))
        for axis, width in enumerate(grid.widths)
    }
    return families | choices


def _params(grid: Grid, eligible: Sequence[int], point: Point) -> dict[str, int]:
    member = dict(zip(point.subset, point.digits, strict=False))
    families = {
        f"family {grid.families[f]}": 1 + member[f] if f in member else _ABSENT for f in eligible
    }
    choices = {f"choice {axis}": digit for axis, digit in enumerate(point.digits[grid.k :])}
    return families | choices


def _study(
    grid: Grid, eligible: Sequence[int], rows: Sequence[tuple[Record, Point]], seed: int
) -> Any:
    import optuna

    sampler = optuna.samplers.TPESampler(
        seed=seed, multivariate=True, constant_liar=False, n_startup_trials=STARTUP
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = _distributions(grid, eligible)
    study.add_trials(
        optuna.trial.create_trial(
            params=_params(grid, eligible, point),
            distributions=distributions,
            value=_value(record),
        )
        for record, point in rows
    )
    return study


def _repair(
    grid: Grid, eligible: Sequence[int], params: dict[str, int], rng: np.random.Generator
) -> Point:
    """The suggested point with exactly k families."""
    member = {f: params[f"family {grid.families[f]}"] - 1 for f in eligible}
    wanted = [f for f in eligible if params[f"family {grid.families[f]}"] != _ABSENT]
    spare = [f for f in eligible if params[f"family {grid.families[f]}"] == _ABSENT]
    kept = rng.permutation(wanted)[: grid.k]
    added = rng.permutation(spare)[: grid.k - len(kept)]
    for family in added:
        member[int(family)] = int(rng.integers(grid.sizes[family]))
    subset = tuple(sorted(int(f) for f in [*kept, *added]))
    values = (params[f"choice {axis}"] for axis in range(len(grid.widths)))
    return Point(subset, (*(member[f] for f in subset), *values))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses Optuna's message about a new study, and in 4.x its warning about multivariate."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
