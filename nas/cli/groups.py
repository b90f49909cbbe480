"""Groups of options: a command takes dataclasses, and typer sees their fields as options.

So a command with many options has few parameters.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints

from typer.models import ParameterInfo


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter that is a dataclass replaced by the fields of that class.

    Fields have defaults and are `Annotated` with a typer.Option; their names are unique over all
    groups. Raises TypeError for a field that is not like that.
    """
    kept: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind: Any = hints[name]
        if is_dataclass(kind):
            groups[name] = kind
            kept += [_option(kind, field.name, field.default) for field in fields(kind)]
        else:
            kept.append(parameter.replace(annotation=kind))

    @wraps(command)
    def flat(**values: Any) -> None:
        made = {
            name: kind(**{field.name: values.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**values, **made)

    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
    flat.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    flat.__annotations__ = {p.name: p.annotation for p in keyword} | {"return": None}
    return flat


def _option(group: Any, name: str, default: object) -> inspect.Parameter:
    kind, *more = get_args(get_type_hints(group, include_extras=True)[name]) or (None,)
    info = next((one for one in more if isinstance(one, ParameterInfo)), None)
    if info is None or default is MISSING:
        raise TypeError(f"{group.__name__}.{name} is not an option with a default")
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info]
    )
