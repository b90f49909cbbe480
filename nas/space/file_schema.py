"""The fields of a space file, and their conversion to a Space."""

import keyword
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError, to_jsonable_python

from nas.registry import DATA_SETS, LOSSES, PROCEDURES
from nas.schema import FROZEN, GATE, START, Frozen, Recipe, Scalar, Space, Variant
from nas.schema.axes import NAME, RECIPE, RESERVED_ARGS, SETTING
from nas.schema.ramp import Ramp, values_of
from nas.schema.recipe import Name, Weight
from nas.schema.weights import NAME as WEIGHTS_NAME

MOST_VALUES = 1000
"""Maximum number of values, over all choices."""
TRAINS_NO_EXPERT = (
    f"must train experts, and {GATE} does not: leave it out; the choice"
    f" {START}: [{FROZEN}] trains a gate over a bank's experts"
)
"""Why a recipe may not have the procedure GATE."""
BALANCE = "balance"
"""The loss whose weight is a field of the recipe."""
_WORD = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.+-]{0,199})?")


def _scalar(value: Any) -> Scalar:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("should be text, a number, true or false")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("should be a finite number")
    if isinstance(value, str) and not _WORD.fullmatch(value):
        raise ValueError("should be one word of letters, digits and _ . + -")
    return value


def _argument(name: str) -> str:
    plain = name.isascii() and name.isidentifier() and len(name) <= 60
    if not plain or keyword.iskeyword(name):
        raise ValueError("should be an argument of timm.create_model, such as img_size")
    if name in RESERVED_ARGS or name.startswith("_"):
        raise ValueError("cannot be set in a space file")
    return name


def _member(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    """`[value]`, or the value itself if it is a list; `[{}]` for nothing."""
    return value if isinstance(value, list) else [{} if value is None else value]


FileScalar = Annotated[Any, AfterValidator(_scalar)]


def _loss(name: str) -> str:
    if name != BALANCE and name not in LOSSES.names():
        known = [known for known in LOSSES.names() if known != BALANCE]
        context = {"noun": "loss", "name": name, "known": known}
        raise PydanticCustomError("unknown_name", "unknown {noun} '{name}'", context)
    return name


class FileMember(Frozen):
    """A member as a space file writes it: a timm model and arguments of timm.create_model."""

    model: str = Field(pattern=NAME, max_length=120)
    args: dict[Annotated[str, AfterValidator(_argument)], FileScalar] = {}
    weights: Annotated[str, Field(pattern=WEIGHTS_NAME, max_length=300)] | None = None
    """Pretrained weights: `MODEL.TAG` of timm's, `hf-hub:REPOSITORY`, or a file or folder."""


class FileExperts(Frozen):
    """The `experts` of a space file: how many a candidate has, and the families."""

    choose: int = Field(ge=1, le=16)
    families: dict[
        Annotated[str, Field(pattern=NAME, max_length=60)],
        Annotated[
            list[Annotated[FileMember, BeforeValidator(_member)]],
            Field(min_length=1, max_length=2000),
        ],
    ] = Field(max_length=2000)


class FileRecipe(Recipe):
    """The `recipe` part of a space file: training settings, with a procedure that exists."""

    @field_validator("procedure")
    @classmethod
    def _known(cls, name: str) -> str:
        if name == GATE:
            raise ValueError(TRAINS_NO_EXPERT)
        if name not in PROCEDURES.names():
            known = ", ".join(repr(known) for known in PROCEDURES.names() if known != GATE)
            raise PydanticCustomError("literal_error", "unknown", {"expected": known})
        return name

    @field_validator("schedule")
    @classmethod
    def _learns(cls, schedule: Ramp | None) -> Ramp | None:
        if schedule is not None and not max(values_of(schedule)):
            raise ValueError("should have a value above 0, or nothing is learned")
        return schedule

    losses: dict[Annotated[Name, AfterValidator(_loss)], Weight] = {}


class FileVariant(Frozen):
    """Settings of one or several variants of an arm: a list of values stands for a variant each.

    `recipe` are fields of the recipe that differ; `recipe.NAME` is one, which may have a list.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[
        Annotated[str, Field(pattern=SETTING, max_length=60)],
        Annotated[list[FileScalar], BeforeValidator(_listed), Field(min_length=1)],
    ] = Field(init=False)
    recipe: FileRecipe = FileRecipe()

    @model_validator(mode="after")
    def _once(self) -> Self:
        for name in self.__pydantic_extra__ or {}:
            if name.removeprefix(RECIPE) in _changes(self.recipe, Recipe()):
                raise ValueError(f"gives {name} twice")
        return self

    @property
    def count(self) -> int:
        """The number of variants."""
        return prod(len(values) for values in (self.__pydantic_extra__ or {}).values())

    def faults(self) -> Iterator[tuple[str, ErrorDetails]]:
        """(name, error) of each field `recipe.NAME` that the recipe does not have, or that may not
        have one of its values. An error's location is what it were in `recipe: {NAME: …}`."""
        for name, values in (self.__pydantic_extra__ or {}).items():
            first, *inner = name.split(".")
            if f"{first}." == RECIPE:
                for value in values:
                    for step in reversed(inner):
                        value = {step: value}
                    try:
                        FileRecipe.model_validate(value)
                    except ValidationError as error:
                        for each in error.errors(include_url=False):
                            yield name, each | {"loc": (first, *each["loc"])}

    def variants(self, base: Recipe) -> Iterator[tuple[dict[str, Scalar], dict[str, Any]]]:
        """(settings, fields of the recipe) of each variant of a space with the recipe `base`, the
        last setting's values varying fastest."""
        given = self.__pydantic_extra__ or {}
        recipe = _changes(self.recipe, base)
        for values in product(*given.values()):
            named = dict(zip(given, values, strict=True))
            fields = {n.removeprefix(RECIPE): v for n, v in named.items() if n.startswith(RECIPE)}
            yield {n: v for n, v in named.items() if not n.startswith(RECIPE)}, recipe | fields


def _changes(recipe: FileRecipe, base: Recipe) -> dict[str, Any]:
    """The fields that a recipe was given, by dotted names, so that `losses: {z: 1}` is the same as
    `losses.z: 1`. A mapping replaces that of `base`, which is emptied first if it has names."""
    changes: dict[str, Any] = {}
    for name in Recipe.model_fields:  # in one order, whatever the file's
        if name in recipe.model_fields_set:
            value = to_jsonable_python(getattr(recipe, name))
            if not isinstance(value, dict):
                changes[name] = value
                continue
            if getattr(base, name):
                changes[name] = {}
            changes |= {f"{name}.{inner}": each for inner, each in value.items()}
    return changes


def _arm(name: str, forms: list[FileVariant], base: Recipe) -> list[Variant]:
    """The variants of an arm, each labelled by what is not the same in all of them."""
    found = [variant for form in forms for variant in form.variants(base)]
    parts = [
        settings | {f"{RECIPE}{n}": v for n, v in fields.items()} for settings, fields in found
    ]
    shared = [
        n for n, v in parts[0].items() if all(n in other and other[n] == v for other in parts)
    ]
    seen: Counter[str] = Counter()
    variants = []
    for (settings, fields), part in zip(found, parts, strict=True):
        own = {n: v for n, v in part.items() if n not in shared and not _emptied(n, v, part)}
        # Names alone first, since a file that is written from the space has those apart.
        shown = sorted((_shown(n, v) for n, v in own.items()), key=lambda text: "=" in text)
        label = f"{name}({','.join(shown)})" if shown else name
        seen[label] += 1
        again = f" {seen[label]}" if seen[label] > 1 else ""
        variants.append(Variant(label=label + again, settings=settings, recipe=fields))
    return variants


def _emptied(name: str, value: object, part: Mapping[str, object]) -> bool:
    """Whether a mapping is emptied for others of its names, which say enough."""
    return value == {} and any(other.startswith(f"{name}.") for other in part)


def _shown(name: str, value: object) -> str:
    """`name=value`; the name alone of what is too long for a label."""
    return name if isinstance(value, list | dict) else f"{name}={value}".replace("+", "_")


class FileSpace(Frozen):
    """A space file, field for field; see `search_spaces/` for examples."""

    description: str = ""
    template: str = Field("moe4", pattern=r"^[a-z][a-z0-9_]*$")
    image_size: int = Field(32, ge=8, le=2048)
    channels: int = Field(3, ge=1, le=16)
    dataset: str = Field("", max_length=4096)
    """As `--dataset` has it: a name, or `folder:PATH` for images of one's own."""
    experts: FileExperts | None = None
    arms: dict[
        Annotated[str, Field(pattern=NAME, max_length=60)],
        Annotated[list[FileVariant], BeforeValidator(_listed), Field(min_length=1)],
    ] = Field({}, max_length=200)
    reference: str = ""
    replicates: int = Field(1, ge=1, le=100)
    choices: dict[
        Annotated[str, Field(pattern=SETTING, max_length=60)],
        Annotated[list[FileScalar], Field(min_length=1)],
    ] = Field({}, max_length=32)
    recipe: FileRecipe = FileRecipe()

    @field_validator("choices")
    @classmethod
    def _bounded(cls, choices: dict[str, list[Scalar]]) -> dict[str, list[Scalar]]:
        if (count := sum(map(len, choices.values()))) > MOST_VALUES:  # each is rendered to check it
            raise ValueError(f"have {count:,} values, and at most {MOST_VALUES:,} are allowed")
        return choices

    @field_validator("dataset")
    @classmethod
    def _known_data(cls, name: str) -> str:
        if name and name.partition(":")[0] not in DATA_SETS.names():
            known = ", ".join(repr(known) for known in DATA_SETS.names())
            raise PydanticCustomError("literal_error", "unknown", {"expected": known})
        return name

    @field_validator("arms")
    @classmethod
    def _few_variants(cls, arms: dict[str, list[FileVariant]]) -> dict[str, list[FileVariant]]:
        count = sum(variant.count for variants in arms.values() for variant in variants)
        if count > MOST_VALUES:  # each is rendered to check it
            raise ValueError(f"have {count:,} variants, and at most {MOST_VALUES:,} are allowed")
        return arms

    def to_space(self, name: str) -> Space:
        """Converts to a Space. Raises ValidationError with Space's field names."""
        data = self.model_dump(exclude={"experts", "arms", "choices"})
        if self.experts is not None:
            families = self.experts.model_dump(exclude_none=True)["families"]
            data["experts"] = {"k": self.experts.choose, "families": families}
        data["arms"] = {
            arm: _arm(arm, variants, self.recipe) for arm, variants in self.arms.items()
        }
        data["choices"] = [{"name": n, "values": v} for n, v in self.choices.items()]
        return Space.model_validate({"name": name, **data})

    def faults(self) -> Iterator[tuple[tuple[str | int, ...], ErrorDetails]]:
        """(location in the file, error) of each field of the recipe that is wrong in an arm."""
        for arm, variants in self.arms.items():
            for index, variant in enumerate(variants):
                at = ("arms", arm, index)
                for name, error in variant.faults():
                    yield (*at, name), error | {"loc": (*at, *error["loc"])}

    def path(self, space_path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """The location in the file of an error at `space_path` in the Space."""
        match space_path:
            case ("choices", int(index), *_):
                return ("choices", list(self.choices)[index])
            case ("experts", *_) if self.experts is not None:
                return ("experts", *self._repeated(self.experts))
            case _:
                return space_path

    @staticmethod
    def _repeated(experts: FileExperts) -> tuple[str | int, ...]:
        seen: set[str] = set()
        for family, members in experts.families.items():
            for index, member in enumerate(members):
                if member.model in seen:
                    return ("families", family, index)
                seen.add(member.model)
        return ("choose",)
