"""Finds the choices and knobs that a template declares, without rendering it.

A template declares a choice where it reads it, and a knob, a setting that its network's `set_knobs`
changes in training, anywhere; with constants only:

    {% set mixing = axis("mixing", "soft", values=["soft", "top1"]) %}
    {% set width = axis("gate_width", 64, minimum=8, maximum=512) %}
    {% set _ = knob("temperature", 2.0, minimum=0.05, maximum=100.0) %}
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jinja2 import nodes

from nas.render.library import parsed
from nas.schema import Axis, ProblemError, Scalar, did_you_mean
from nas.schema.ramp import Ramp, values_of


def axes(template: str) -> dict[str, Axis]:
    """The choice axes of a template and its partials, sorted by name.

    Raises ProblemError for an unknown or broken template, a declaration that is not constant, and
    two different declarations of one axis.
    """
    return _found(template, "axis")


def knobs(template: str) -> dict[str, Axis]:
    """The knobs that a template and its partials declare, sorted by name. Raises as `axes`."""
    return _found(template, "knob")


def _found(template: str, function: str) -> dict[str, Axis]:
    found: dict[str, Axis] = {}
    for part in parsed(template):
        for call in part.tree.find_all(nodes.Call):
            if not (isinstance(call.node, nodes.Name) and call.node.name == function):
                continue
            where = f"{part.path}:{call.lineno}"
            axis = _declared(call, where)
            if found.setdefault(axis.name, axis) != axis:
                what = f"{function} {axis.name} is declared twice, differently"
                raise ProblemError(what, where=where)
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


def check_knob(template: str, name: str, value: float | Ramp) -> None:
    """Raises ProblemError for a knob that the template does not declare, and for a value, or one of
    a ramp, that is out of its bounds."""
    known = knobs(template)
    where = f"template {template}"
    if name not in known:
        what = f"{name!r} is not a knob of this template"
        fix = did_you_mean(name, known) or "it has no knobs, and would ignore it"
        raise ProblemError(what, where=where, fix=fix)
    for each in values_of(value):
        known[name].check(each, where)


def _declared(call: nodes.Call, where: str) -> Axis:
    assert isinstance(call.node, nodes.Name)
    function = call.node.name
    try:
        args = [node.as_const() for node in call.args]
        named: dict[str, Any] = {pair.key: pair.value.as_const() for pair in call.kwargs}
        axis = Axis(*args, **named)
        # A knob is a number that may lie between two points of a ramp.
        return replace(axis, default=float(axis.default)) if function == "knob" else axis
    except nodes.Impossible:
        raise ProblemError(f"{function}() takes only constants", where=where) from None
    except (TypeError, ValueError) as error:
        raise ProblemError(
            f"invalid call of {function}(): {error}",
            where=where,
            fix=f"{function}(name, default, values=[…]) or"
            f" {function}(name, default, minimum=…, maximum=…)",
        ) from None
    except ProblemError as error:
        raise ProblemError(error.problem.what, where=where, fix=error.problem.fix) from None
