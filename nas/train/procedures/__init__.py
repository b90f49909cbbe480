"""Training procedures: one file each, named in the recipe by its file's name."""

from nas.registry import PROCEDURES
from nas.train.loop import Tick
from nas.train.procedures.base import Procedure

__all__ = ["Procedure", "Tick", "procedure"]


def procedure(name: str) -> type[Procedure]:
    """The procedure of that name; UsageError for an unknown one."""
    return PROCEDURES.subclass(name, Procedure)
