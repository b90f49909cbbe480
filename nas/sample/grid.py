"""A space as integers: indices of families, members and values."""

from collections.abc import Collection
from math import prod
from typing import NamedTuple

from nas.schema import Assignment, ExpertChoice, Space


class Point(NamedTuple):
    """One point of a space."""

    subset: tuple[int, ...]
    """k ascending indices into `Grid.families`."""
    digits: tuple[int, ...]
    """For each family of the subset the index of its member, then for each choice of its value."""


class Levels(NamedTuple):
    """The parts of an assignment that are in a grid; all of it for a point of the grid."""

    families: tuple[int, ...]
    members: tuple[int, ...]
    """For each of those families, the index of its member."""
    values: tuple[int, ...]
    """Indices into the concatenated values of all choices."""


class Grid:
    """Translates between assignments and indices.

    Attributes:
        families: names, sorted.
        sizes: number of members of each family.
        k: families in a point; 0 for a space of choices alone.
        widths: number of values of each choice, choices sorted by name.
        starts: index of each choice's first value in the concatenated values of all choices.
        settings: number of combinations of values, Π widths.
    """

    def __init__(self, space: Space) -> None:
        self.families = space.families
        self.k = space.k
        self._models = list(space.groups.values())
        self._values = [choice.values for choice in space.choices]
        self._names = [choice.name for choice in space.choices]
        self.sizes = [len(models) for models in self._models]
        self.widths = [len(values) for values in self._values]
        self.starts = [sum(self.widths[:axis]) for axis in range(len(self.widths))]
        self.settings = prod(self.widths)
        self._pick_index = {
            (family, model): (index, digit)
            for index, family in enumerate(self.families)
            for digit, model in enumerate(self._models[index])
        }
        # By repr, as in Choice, because 1, 1.0 and True are equal in Python.
        self._value_index = {
            (name, repr(value)): start + digit
            for name, start, values in zip(self._names, self.starts, self._values, strict=True)
            for digit, value in enumerate(values)
        }

    def eligible(self, excluded: Collection[str]) -> tuple[int, ...]:
        """Indices of the families that may be drawn."""
        return tuple(i for i, family in enumerate(self.families) if family not in excluded)

    def cells(self, subset: tuple[int, ...]) -> int:
        """Number of points with this subset: Π members · Π values."""
        return prod(self.sizes[i] for i in subset) * self.settings

    def levels(self, assignment: Assignment) -> Levels:
        """The part of an assignment that is in the grid; it may be from a larger space."""
        picks = [
            self._pick_index[pick.family, pick.model]
            for pick in assignment.picks
            if (pick.family, pick.model) in self._pick_index
        ]
        values = [
            self._value_index[name, repr(value)]
            for name, value in assignment.choices
            if (name, repr(value)) in self._value_index
        ]
        return Levels(tuple(p[0] for p in picks), tuple(p[1] for p in picks), tuple(values))

    def encode(self, assignment: Assignment) -> Point | None:
        """The assignment's point; None if it is not in this grid."""
        families, members, values = self.levels(assignment)
        whole = (
            len(families) == len(assignment.picks) == self.k
            and len(values) == len(assignment.choices) == len(self.widths)
            and len(set(families)) == self.k
        )
        if not whole:
            return None
        digits = (value - start for value, start in zip(values, self.starts, strict=True))
        return Point(families, (*members, *digits))

    def decode(self, point: Point) -> Assignment:
        """The assignment at a point."""
        members, values = point.digits[: self.k], point.digits[self.k :]
        return Assignment(
            picks=tuple(
                ExpertChoice(self.families[family], self._models[family][digit])
                for family, digit in zip(point.subset, members, strict=True)
            ),
            choices=tuple(
                (name, options[digit])
                for name, options, digit in zip(self._names, self._values, values, strict=True)
            ),
        )
