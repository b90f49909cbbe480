"""Column types whose values have bounds, checked whenever they are read.

Anyone can edit a database, and a value that nas cannot have written must not be shown as one of its
results. Reading such a value raises ValueError, which `Ledger.session` reports as damage.
"""

import math
from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, BigInteger, Double, Integer
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_ROUNDING = 1e-6
_FLOAT32 = 3.5e38
"""More than the largest float32."""


class Bounded(TypeDecorator[Any]):
    """A finite number between two bounds. Subclasses define its type."""

    impl: Any
    python_type: type[int] | type[float]
    cache_ok = True

    def __init__(self, least: float, most: float) -> None:
        super().__init__()
        self.least, self.most = least, most

    def check(self, value: Any) -> None:
        """Raises ValueError if a column of this type cannot have the value."""
        whole = self.python_type is int
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise ValueError("not a whole number" if whole else "not a number")
        if not math.isfinite(value):
            raise ValueError("not finite")
        if not self.least <= value <= self.most:
            raise ValueError(self._outside(value))

    def _outside(self, value: float) -> str:
        return "negative" if value < self.least else "too large"

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Checks each value; briefly where nothing is wrong, as frames read millions of them."""
        least, most, usual, check = self.least, self.most, self.python_type, self.check

        def process(value: Any) -> Any:
            if value is not None and (type(value) is not usual or not least <= value <= most):
                check(value)
            return value

        return process


class BoundedFloat(Bounded):
    """A floating-point number; not negative by default."""

    impl = Double
    python_type = float
    cache_ok = True

    def __init__(self, least: float = 0.0, most: float = _FLOAT32) -> None:
        super().__init__(least, most)


class BoundedShare(BoundedFloat):
    """A number in [0, 1]."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(-_ROUNDING, 1 + _ROUNDING)

    def _outside(self, value: float) -> str:
        return "not between 0 and 1"


class BoundedInteger(Bounded):
    """A whole number of up to 32 bits that is not negative."""

    impl = Integer
    python_type = int
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(0, 2**31 - 1)


class BoundedBigInteger(Bounded):
    """A whole number of up to 64 bits that is not negative; SQLite's integers always have 64."""

    impl = BigInteger().with_variant(Integer, "sqlite")
    python_type = int
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(0, 2**63 - 1)


class CheckedJson(TypeDecorator[Any]):
    """Plain data as JSON, checked when it is read."""

    impl = JSON
    cache_ok = True

    def check(self, value: Any) -> None:
        """Raises ValueError if a column of this type cannot have the value."""
        raise NotImplementedError

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The value, checked."""
        self.check(value)
        return value


class ShareList(CheckedJson):
    """A list of numbers that are not negative."""

    cache_ok = True

    def check(self, value: Any) -> None:
        if not isinstance(value, list) or not all(
            type(share) in (float, int) and share >= 0 for share in value
        ):
            raise ValueError("not a list of shares")


class FigureMap(CheckedJson):
    """Names, each with a number or a list of numbers."""

    cache_ok = True

    def check(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise ValueError("not an object")
        for figure in value.values():
            for number in figure if isinstance(figure, list) else [figure]:
                if type(number) not in (float, int) or not math.isfinite(number):
                    raise ValueError("not numbers by name")


SHARES = ShareList()
FIGURES = FigureMap()
SHARE = BoundedShare()
ANY_SIGN = BoundedFloat(-_FLOAT32)
MOMENT = BoundedFloat(most=7.3e9)
"""Seconds since 1970; at most the year 2200."""
DURATION = BoundedFloat(most=1e11)
"""Seconds; at most some centuries."""
