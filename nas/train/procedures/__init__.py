"""How a candidate trains: one file a procedure, named in the recipe by its file's name."""

from importlib import import_module

from nas.resources import procedures as procedure_names
from nas.schema import ProblemError, did_you_mean
from nas.train.procedures.base import Procedure, Tick

__all__ = ["Procedure", "Tick", "procedure", "procedure_names"]


def procedure(name: str) -> type[Procedure]:
    """The procedure of that name; ProblemError for an unknown one."""
    if name not in procedure_names():
        raise ProblemError(
            f"unknown training procedure {name!r}", fix=did_you_mean(name, procedure_names())
        )
    module = import_module(f"{__name__}.{name}")
    [found] = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Procedure)
        and value.__module__ == module.__name__
    ]
    return found
