"""Finds the choices that a template reads, without rendering it.

A template declares a choice where it reads it, with constants only:

    {% set mixing = axis("mixing", "soft", values=["soft", "top1"]) %}
    {% set width = axis("gate_width", 64, minimum=8, maximum=512) %}
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import nodes

from nas.render.library import parsed
from nas.schema import Axis, ProblemError, Scalar, did_you_mean


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
