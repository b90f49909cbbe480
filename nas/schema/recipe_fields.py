"""Where a space gives fields of the recipe their values: its recipe, its arms and its choices."""

from collections.abc import Iterator
from typing import Any

from nas.schema.axes import RECIPE, Part, Space
from nas.schema.recipe import Scalar


def recipe_fields(space: Space) -> Iterator[tuple[Part, str, Any]]:
    """(part of the space, dotted name, value) of every field of its own recipe, of each variant's
    recipe, and of its choices."""
    for name, value in space.recipe.dotted():
        yield ("recipe", *name.split(".")), name, value
    for part, recipe in space.recipes() if space.arms else ():
        for name, value in recipe.dotted():
            yield (*part, f"{RECIPE}{name}"), name, value
    yield from recipe_choices(space)


def recipe_choices(space: Space) -> Iterator[tuple[Part, str, Scalar]]:
    """(part of the space, dotted name, value) of every value of a choice that is a field of the
    recipe."""
    for choice in space.choices:
        if choice.name.startswith(RECIPE):
            for index, value in enumerate(choice.values):
                yield ("choices", choice.name, index), choice.name.removeprefix(RECIPE), value
