"""The axes of a search space."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from math import comb, prod
from typing import Any, ClassVar, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nas.schema.base import Frozen, OmitDefaults
from nas.schema.problem import fault_of
from nas.schema.recipe import Recipe, Scalar
from nas.schema.symmetric import symmetric
from nas.schema.weights import ModelInput, Weights

NAME = r"^[A-Za-z][A-Za-z0-9_.-]*$"
RECIPE = "recipe."
"""Begins the name of an axis that is a field of the recipe, such as `recipe.lr` or
`recipe.losses.z`, rather than one of the template."""
SETTING = r"^([a-z][a-z0-9_]*|recipe(\.[a-z][a-z0-9_]*){1,2})$"
"""The name of an axis."""
Part = tuple[str | int, ...]
"""A part of a space, as its file names it, such as ("choices", "mixing", 0)."""

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


class Member(OmitDefaults):
    """One timm model of a family."""

    omit_if_default: ClassVar[frozenset[str]] = frozenset({"weights"})

    model: str = Field(pattern=NAME, max_length=120)
    args: dict[str, Scalar] = {}
    """Keyword arguments of `timm.create_model`, such as `img_size`."""
    weights: Weights | None = None
    """What it was pretrained to; None: it starts from nothing."""

    @field_validator("args")
    @classmethod
    def _identifiers(cls, args: dict[str, Scalar]) -> dict[str, Scalar]:
        for name in args:
            if not name.isidentifier():
                raise ValueError(f"{name!r} is not an argument name")
        return args

    @field_validator("weights", mode="before")
    @classmethod
    def _named(cls, weights: Any) -> Any:
        return {"name": weights} if isinstance(weights, str) else weights

    def inputs(self, image_size: int) -> ModelInput:
        """The images that it sees: as it was pretrained, or of its space's size."""
        return ModelInput(image_size=image_size) if self.weights is None else self.weights.inputs

    def sees(self, image_size: int, channels: int) -> tuple[int, int]:
        """Side in pixels and channels of what its network gets, of images of a space."""
        if self.weights is None:
            return image_size, channels
        return self.weights.inputs.image_size, 3


class Choice(Frozen):
    """A categorical axis."""

    name: str = Field(pattern=SETTING)
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


class Variant(Frozen):
    """One variant of an arm."""

    label: str = Field(min_length=1, max_length=500)
    """Its name in tables, different from all others of its space: `moe(experts=4)`."""
    settings: dict[str, Scalar] = {}
    """Values for some of the template's axes."""
    recipe: dict[str, Any] = {}
    """Fields of the space's recipe that are different for this variant, by their dotted names."""


def _fault(what: str, *part: str) -> PydanticCustomError:
    """An error that is in a part of a space, which its context names."""
    return PydanticCustomError("part", "{what}", {"what": what, "part": part})


class Space(OmitDefaults):
    """Everything a sampler may choose, and how a candidate is built and trained.

    A candidate takes k groups, and one member of each: k families and a timm model of each, or one
    arm and a variant of it.
    """

    omit_if_default: ClassVar[frozenset[str]] = frozenset(
        {"arms", "dataset", "reference", "replicates"}
    )

    name: str
    description: str = ""
    template: str = Field("moe4", pattern=r"^[a-z][a-z0-9_]*$")
    image_size: int = Field(32, ge=8, le=2048)
    channels: int = Field(3, ge=1, le=16)
    dataset: str = ""
    """The data set that it is made for, used where none is named; empty if it is made for any."""
    experts: ExpertAxis | None = None
    arms: dict[str, tuple[Variant, ...]] = {}
    """Kinds of model that are compared with each other, instead of families of experts."""
    reference: str = ""
    """The arm that others are compared with; by default the first."""
    replicates: int = Field(1, ge=1, le=100)
    """How often each successful candidate is trained in all, each time with another seed."""
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
        if self.experts is None and not self.choices and not self.arms:
            raise ValueError("a space needs at least one axis")
        if self.experts is not None and self.arms:
            raise ValueError("a space has either experts or arms")
        return self

    @model_validator(mode="after")
    def _known_reference(self) -> Self:
        if self.reference and self.reference not in self.arms:
            raise _fault(f"reference {self.reference!r} is not an arm", "reference")
        return self

    @model_validator(mode="after")
    def _distinct_variants(self) -> Self:
        chosen = {choice.name for choice in self.choices}
        seen: dict[str, str] = {}
        for arm, variants in self.arms.items():
            if not variants:
                raise ValueError(f"arm {arm} has no variant")
            for variant in variants:
                fields = {f"{RECIPE}{name}" for name in variant.recipe}
                if both := chosen & (variant.settings.keys() | fields):
                    what = f"{min(both)} is a choice and a setting of arm {arm}"
                    raise _fault(what, "arms", arm)
                model = repr((sorted(variant.settings.items()), self.recipe_of(variant)))
                if model in seen:
                    what = f"{variant.label} and {seen[model]} are the same model"
                    raise _fault(what, "arms", arm)
                seen[model] = variant.label
        return self

    def recipe_of(self, variant: Variant) -> Recipe:
        """The recipe for a variant. Raises ValueError if a field is unknown or out of bounds."""
        try:
            return self.recipe.having(variant.recipe)
        except ValidationError as error:
            field, problem = fault_of(error)
            raise ValueError(f"recipe of {variant.label}: {field}: {problem}") from None

    def recipes(self) -> Iterator[tuple[Part, Recipe]]:
        """Every recipe that candidates may have, without choices, with the part of the space that
        gives it: () for the space's own, which no candidate has where there are arms."""
        if not self.arms:
            yield (), self.recipe
        for arm, variants in self.arms.items():
            for variant in variants:
                yield ("arms", arm), self.recipe_of(variant)

    def recipe_values(self, field: str) -> tuple[Any, ...]:
        """The values that candidates may have of a field of the recipe: those of its choice, of
        the arms' variants, each once, or the recipe's own."""
        for choice in self.choices:
            if choice.name == f"{RECIPE}{field}":
                return choice.values
        found = [getattr(recipe, field) for _, recipe in self.recipes()]
        return tuple(value for i, value in enumerate(found) if value not in found[:i])

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The members' names by group, groups sorted by name: models by family, or variants'
        labels by arm. Empty for a space of choices alone."""
        if self.experts is not None:
            axis = self.experts.families
            return {family: tuple(m.model for m in axis[family]) for family in sorted(axis)}
        return {arm: tuple(v.label for v in self.arms[arm]) for arm in sorted(self.arms)}

    @property
    def kinds(self) -> tuple[str, str]:
        """What its groups and their members are called."""
        return ("arm", "variant") if self.arms else ("family", "member")

    @property
    def k(self) -> int:
        """The number of groups in a candidate."""
        return self.experts.k if self.experts else min(1, len(self.arms))

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families or arms, sorted; empty for a space of choices alone."""
        return tuple(self.groups)

    def variant(self, arm: str, label: str) -> Variant:
        """A variant by its label; KeyError if there is none."""
        for variant in self.arms[arm]:
            if variant.label == label:
                return variant
        raise KeyError(f"{arm} has no variant {label}")

    @property
    def members(self) -> tuple[tuple[str, Member], ...]:
        """(family, member) pairs, sorted by family, then in the file's order."""
        if self.experts is None:
            return ()
        return tuple((f, m) for f in self.families for m in self.experts.families[f])

    @property
    def pretrained(self) -> bool:
        """Whether some member starts from pretrained weights."""
        return any(member.weights is not None for _, member in self.members)

    @property
    def subsets(self) -> int:
        """The number of sets of k families or arms; 1 for a space of choices alone."""
        return comb(len(self.families), self.k)

    @property
    def settings(self) -> int:
        """The number of combinations of the choices' values."""
        return prod(len(choice.values) for choice in self.choices)

    @property
    def points(self) -> int:
        """The number of candidates that it holds, replicates apart."""
        sizes = [len(members) for members in self.groups.values()]
        return symmetric(sizes, self.k)[self.k] * self.settings

    @property
    def runs(self) -> int:
        """The number of runs of all its candidates, if each succeeds."""
        return self.points * self.replicates

    def without(self, members: Iterable[str]) -> Self:
        """This space without some models or variants, and without families or arms left empty.

        Raises ValueError if fewer families than experts, or no arms, remain.
        """
        gone = set(members)
        if self.experts is None:
            left = {a: tuple(v for v in vs if v.label not in gone) for a, vs in self.arms.items()}
            if self.arms and not any(left.values()):
                raise ValueError("no arm remains")
            left = {arm: variants for arm, variants in left.items() if variants}
            reference = self.reference if self.reference in left else ""
            return self.with_(arms=left, reference=reference)
        kept = {
            family: tuple(m for m in members if m.model not in gone)
            for family, members in self.experts.families.items()
        }
        experts = ExpertAxis(
            k=self.experts.k,
            families={family: members for family, members in kept.items() if members},
        )
        return self.with_(experts=experts)
