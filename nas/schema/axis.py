"""One setting that a template, or a training procedure, lets a space choose."""

import math
from dataclasses import dataclass

from nas.schema.problem import ProblemError, did_you_mean
from nas.schema.recipe import Scalar

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True)
class Axis:
    """One choice: a default, and either the allowed values or inclusive bounds."""

    name: str
    default: Scalar
    values: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        self.check(self.default)

    def check(self, value: Scalar, where: str = "") -> Scalar:
        """The value, in the default's type.

        Raises ProblemError for another type (an int is allowed for a float), a value that is not
        in `values`, or one out of bounds.
        """
        what = f"{value!r} is not a value of {self.name}"
        if type(self.default) is float and type(value) is int:
            value = float(value)
        if type(value) is not type(self.default):
            fix = f"give it {_KINDS[type(self.default)]}"
            if self.values:
                fix = f"choose from {', '.join(map(str, self.values))}"
            raise ProblemError(what, where=where, fix=fix)
        if self.values and value not in self.values:
            near = did_you_mean(str(value), map(str, self.values))
            raise ProblemError(what, where=where, fix=near)
        if isinstance(value, int | float):
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            if not low <= value <= high or math.isinf(value):  # nan too
                raise ProblemError(what, where=where, fix=f"give it {low:g} to {high:g}")
        return value
