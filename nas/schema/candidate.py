"""A candidate: one point of a space, with everything that determines its training."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field, field_validator

from nas.schema.axes import RECIPE, Member, Space
from nas.schema.base import Frozen, OmitDefaults
from nas.schema.recipe import FINETUNE, GATE, JOINT, Recipe, Scalar, Task

START = "start"
SCRATCH, FROZEN, FINETUNED, PROBE = "scratch", "frozen", "finetuned", "probe"
STARTS = (SCRATCH, FROZEN, FINETUNED, PROBE)
"""The choice of how a candidate's experts are initialised, and its values. `probe`: pretrained, and
only their classifiers learn."""


@dataclass(frozen=True, slots=True, order=True)
class ExpertChoice:
    """A family and its chosen member (a timm model's name), or an arm and a variant's label."""

    family: str
    model: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value for every axis, in canonical order: picks sorted by family, choices by name."""

    picks: tuple[ExpertChoice, ...] = ()
    choices: tuple[tuple[str, Scalar], ...] = ()
    families: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        picks = sorted(self.picks, key=lambda pick: (pick.family, pick.model))
        object.__setattr__(self, "picks", tuple(picks))
        object.__setattr__(self, "choices", tuple(sorted(self.choices, key=lambda c: c[0])))
        object.__setattr__(self, "families", tuple([pick.family for pick in picks]))

    def to_json(self) -> dict[str, Any]:
        """Plain data: `{"picks": [[family, model], …], "choices": {name: value}}`."""
        return {
            "picks": [[pick.family, pick.model] for pick in self.picks],
            "choices": dict(self.choices),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            picks=tuple(ExpertChoice(family, model) for family, model in data["picks"]),
            choices=tuple(data["choices"].items()),
        )


class Role(StrEnum):
    """Why a candidate is trained."""

    SEARCH = "search"
    CONTROL = "control"  # one member alone, at equal epochs
    CONFIRM = "confirm"  # a leader again, with a new seed
    REPLICATE = "replicate"  # any successful candidate again, with a new seed
    SUPERSEDED = "superseded"  # replaced by another candidate, see Status.SUPERSEDED


def printed_name(role: str, number: int) -> str:
    """`#12` for a candidate of the search, its role and number, `control 3`, for the others."""
    return f"#{number}" if role == Role.SEARCH else f"{role} {number}"


def model_label(families: str, variant: str | None) -> str:
    """What people read beside a candidate's number: its families, `ant+bee`; of an arm, the label
    of its variant, which in a space's file is the arm's name where it has no other variant."""
    return variant or families


class Arm(Frozen):
    """The arm of a candidate, and its variant."""

    name: str
    label: str
    settings: dict[str, Scalar] = {}


class Expert(Frozen):
    """A family's member, as a template uses it."""

    family: str
    member: Member


def sorted_experts(experts: Iterable[Expert]) -> tuple[Expert, ...]:
    """Experts in a candidate's order."""
    return tuple(sorted(experts, key=lambda e: (e.family, e.member.model)))


def is_pretrained(experts: Iterable[Expert]) -> bool:
    """Whether some expert has pretrained weights; then each prepares images itself."""
    return any(expert.member.weights is not None for expert in experts)


@dataclass(frozen=True, slots=True)
class ExpertSource:
    """The initialisation of a candidate's experts."""

    start: str
    """One of STARTS."""
    keys: tuple[str, ...]
    """Keys of their bank experts, in the candidate's order; empty for `scratch`."""


class Candidate(OmitDefaults):
    """One model to train. Equal content gives an equal key, in whatever order it was given."""

    omit_if_default: ClassVar[frozenset[str]] = frozenset({"init_from", "arm"})
    data_names: ClassVar[Mapping[str, str]] = {"init_from": "warm"}
    model_config = ConfigDict(populate_by_name=True)

    template: str
    template_hash: str
    image_size: int
    channels: int = 3
    experts: tuple[Expert, ...] = ()
    arm: Arm | None = None
    choices: dict[str, Scalar] = {}
    recipe: Recipe
    task: Task
    init_from: tuple[str, ...] = Field(default=(), validation_alias="warm")
    """Keys of the bank experts that initialise its experts, in their order; empty: random."""
    replicate: int = 0
    """Repeats of a candidate differ only in this number, and so in their training seed."""

    @field_validator("experts")
    @classmethod
    def _sorted(cls, experts: tuple[Expert, ...]) -> tuple[Expert, ...]:
        return sorted_experts(experts)

    @classmethod
    def of(
        cls,
        space: Space,
        assignment: Assignment,
        task: Task,
        template_hash: str,
        *,
        replicate: int = 0,
        init_from: Mapping[str, str] | None = None,
    ) -> Self:
        """The candidate at a point of a space; KeyError for an unknown family, arm or member.

        `init_from` maps each model to the key of the bank expert that initialises it.
        """
        axis = space.experts
        experts = tuple(
            Expert(family=pick.family, member=axis.member(pick.family, pick.model))
            for pick in assignment.picks
            if axis is not None
        )
        arm, recipe = None, space.recipe
        if space.arms:
            [pick] = assignment.picks
            variant = space.variant(pick.family, pick.model)
            arm = Arm(name=pick.family, label=variant.label, settings=variant.settings)
            recipe = space.recipe_of(variant)
        choices = dict(assignment.choices)
        return cls(
            template=space.template,
            template_hash=template_hash,
            image_size=space.image_size,
            channels=space.channels,
            experts=experts,
            arm=arm,
            choices=choices,
            recipe=recipe.having(
                {n.removeprefix(RECIPE): v for n, v in choices.items() if n.startswith(RECIPE)}
            ),
            task=task.with_(standardize=False) if is_pretrained(experts) else task,
            replicate=replicate,
            init_from=tuple(init_from[e.member.model] for e in sorted_experts(experts))
            if init_from
            else (),
        )

    def with_replicate(self, replicate: int) -> Self:
        """The same candidate with another training seed."""
        return self.with_(replicate=replicate)

    @cached_property
    def assignment(self) -> Assignment:
        """What was drawn: members and settings, without recipe, template and replicate."""
        picks = [ExpertChoice(e.family, e.member.model) for e in self.experts]
        if self.arm is not None:
            picks = [ExpertChoice(self.arm.name, self.arm.label)]
        return Assignment(picks=tuple(picks), choices=tuple(self.choices.items()))

    @property
    def settings(self) -> dict[str, Scalar]:
        """What was chosen: its choices, and what its arm sets."""
        return {**self.choices, **(self.arm.settings if self.arm else {})}

    @property
    def template_settings(self) -> dict[str, Scalar]:
        """What of that is for its template: not the start of its experts, nor the recipe."""
        return {n: v for n, v in self.settings.items() if n != START and not n.startswith(RECIPE)}

    @property
    def source(self) -> ExpertSource:
        """How its experts are initialised, and whether they are trained further."""
        trained = self.init_from or self.pretrained
        start = str(self.settings.get(START, FINETUNED if trained else SCRATCH))
        return ExpertSource(start, self.init_from)

    @property
    def pretrained(self) -> bool:
        """Whether an expert has pretrained weights, which `start: scratch` leaves aside."""
        return is_pretrained(self.experts)

    @cached_property
    def training_recipe(self) -> Recipe:
        """The recipe that its training applies: with a bank's experts that are finetuned their
        learning rate is reduced; with frozen ones only the gate is trained, and of those that are
        probed only the classifiers too.

        Raises pydantic's ValidationError if a setting leaves its bounds.
        """
        source = self.source
        if source.start in (FROZEN, PROBE):
            recipe = self.recipe if source.start == FROZEN else self.recipe.probed()
            procedure = GATE if source.start == FROZEN else PROBE
            return recipe.with_(procedure=procedure, settings={})  # they are the other's
        if source.start == FINETUNED and (source.keys or not self.pretrained):
            return self.recipe.finetuned()
        if source.start == SCRATCH and self.recipe.procedure == FINETUNE:
            return self.recipe.with_(procedure=JOINT, settings={})
        return self.recipe

    @property
    def families(self) -> tuple[str, ...]:
        """The families, sorted by name; of a candidate of an arm, the arm."""
        return self.assignment.families

    @property
    def label(self) -> str:
        """Its families or its variant, as people read them: see `model_label`."""
        return model_label("+".join(self.families), self.arm.label if self.arm else None)

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the canonical JSON of every field."""
        data = self.model_dump(mode="json")
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def seed(self) -> int:
        """The training seed, 0 ≤ seed < 2³¹: a function of the key, and so of the replicate."""
        return int(self.key, 16) % 2**31
