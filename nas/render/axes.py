"""Finds the choices that a template reads, without rendering it.

A template declares a choice where it reads it, with constants only:

    {% set mixing = axis("mixing", "soft", values=["soft", "top1"]) %}
    {% set width = axis("gate_width", 64, minimum=8, maximum=512) %}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from nas.render.library import parsed
from nas.schema import ProblemError, Scalar, did_you_mean

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


def axes(template: str) -> dict[str, Axis]:
    """The choice axes of a template and its partials, sorted by name.

    Raises ProblemError for an unknown or broken template, a declaration that is not constant, and
    two different declarations of one axis.
    """
    found: dict[str, Axis] = {}
    for part in parsed(template):
        for call in part.tree.find_all(nodes.Call):
            if not (isinstance(call.node, nodes.Name) and call.node.name == "axis"):
                continue
            where = f"{part.path}:{call.lineno}"
            axis = _declared(call, where)
            if found.setdefault(axis.name, axis) != axis:
                raise ProblemError(f"axis {axis.name} is declared twice, differently", where=where)
    return dict(sorted(found.items()))


def check_choices(template: str, choices: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """A value for every axis of the template, defaults included.

    Raises ProblemError for an axis that the template does not read, or a value that is not allowed.
    """
    known = axes(template)
    where = f"template {template}"
    for name in choices:
        if name not in known:
            raise ProblemError(
                f"{name!r} is not an axis of this template",
                where=where,
                fix=did_you_mean(name, known) or "it has no axes",
            )
    return {
        name: axis.check(choices.get(name, axis.default), where) for name, axis in known.items()
    }


def _declared(call: nodes.Call, where: str) -> Axis:
    try:
        args = [node.as_const() for node in call.args]
        named: dict[str, Any] = {pair.key: pair.value.as_const() for pair in call.kwargs}
        return Axis(*args, **named)
    except nodes.Impossible:
        raise ProblemError("axis() takes only constants", where=where) from None
    except TypeError as error:
        raise ProblemError(
            f"invalid call of axis(): {error}",
            where=where,
            fix="axis(name, default, values=[…]) or axis(name, default, minimum=…, maximum=…)",
        ) from None
    except ProblemError as error:
        raise ProblemError(error.problem.what, where=where, fix=error.problem.fix) from None
