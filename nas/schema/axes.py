"""The axes of a search space."""

from collections.abc import Iterable
from math import comb
from typing import Self

from pydantic import Field, field_validator, model_validator

from nas.schema.base import Frozen
from nas.schema.recipe import Recipe

Scalar = bool | int | float | str
"""A value of an axis or a model argument in a space file; rendered with `repr` only."""

NAME = r"^[A-Za-z][A-Za-z0-9_.-]*$"

RESERVED_ARGS = frozenset(
    {
        "cache_dir",
        "checkpoint_path",
        "in_chans",
        "model_name",
        "num_classes",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
    }
)
"""Arguments of `timm.create_model` that a template sets, or that would read files."""


class Member(Frozen):
    """One timm model of a family."""

    model: str = Field(pattern=NAME, max_length=120)
    args: dict[str, Scalar] = {}
    """Keyword arguments of `timm.create_model`, such as `img_size`."""

    @field_validator("args")
    @classmethod
    def _identifiers(cls, args: dict[str, Scalar]) -> dict[str, Scalar]:
        for name in args:
            if not name.isidentifier():
                raise ValueError(f"{name!r} is not an argument name")
        return args


class Choice(Frozen):
    """A categorical axis."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    values: tuple[Scalar, ...] = Field(min_length=1)

    @field_validator("values")
    @classmethod
    def _distinct(cls, values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        if len({repr(value) for value in values}) < len(values):
            raise ValueError("a value appears twice")
        return values


class ExpertAxis(Frozen):
    """A k-subset axis: k different families, each represented by one of its members."""

    k: int = Field(ge=1)
    families: dict[str, tuple[Member, ...]]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.families) < self.k:
            raise ValueError(
                f"{self.k} experts of different families need at least {self.k} families; "
                f"{len(self.families)} given"
            )
        seen: dict[str, str] = {}
        for family, members in self.families.items():
            if not members:
                raise ValueError(f"family {family} has no member")
            for member in members:
                if member.model in seen:
                    raise ValueError(
                        f"{member.model} appears in {seen[member.model]} and in {family}"
                    )
                seen[member.model] = family
        return self

    def member(self, family: str, model: str) -> Member:
        """The member of a family by its model's name; KeyError if there is none."""
        for member in self.families[family]:
            if member.model == model:
                return member
        raise KeyError(f"{family} has no member {model}")


class Space(Frozen):
    """Everything a sampler may choose, and how a candidate is built and trained."""

    name: str
    description: str = ""
    template: str = Field("moe4", pattern=r"^[a-z][a-z0-9_]*$")
    image_size: int = Field(32, ge=8, le=2048)
    channels: int = Field(3, ge=1, le=16)
    experts: ExpertAxis | None = None
    choices: tuple[Choice, ...] = ()
    """Sorted by name on construction."""
    recipe: Recipe = Recipe()

    @field_validator("choices")
    @classmethod
    def _sorted(cls, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
        names = [choice.name for choice in choices]
        if len(set(names)) < len(names):
            raise ValueError("an axis appears twice")
        return tuple(sorted(choices, key=lambda choice: choice.name))

    @model_validator(mode="after")
    def _has_axes(self) -> Self:
        if self.experts is None and not self.choices:
            raise ValueError("a space needs at least one axis")
        return self

    @property
    def families(self) -> tuple[str, ...]:
        """Family names, sorted; empty without an expert axis."""
        return tuple(sorted(self.experts.families)) if self.experts else ()

    @property
    def members(self) -> tuple[tuple[str, Member], ...]:
        """(family, member) pairs, sorted by family, then in the file's order."""
        if self.experts is None:
            return ()
        return tuple((f, m) for f in self.families for m in self.experts.families[f])

    @property
    def subsets(self) -> int:
        """The number of sets of k families; 1 without an expert axis."""
        return comb(len(self.families), self.experts.k) if self.experts else 1

    def without(self, models: Iterable[str]) -> Self:
        """This space without some models, and without families that are left empty.

        Raises ValueError if fewer families than experts remain.
        """
        if self.experts is None:
            return self
        gone = set(models)
        kept = {
            family: tuple(m for m in members if m.model not in gone)
            for family, members in self.experts.families.items()
        }
        experts = ExpertAxis(
            k=self.experts.k,
            families={family: members for family, members in kept.items() if members},
        )
        return self.with_(experts=experts)
