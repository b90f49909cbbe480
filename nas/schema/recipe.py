"""How a candidate is trained, and on which data."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, field_validator

from nas.schema.base import OmitDefaults
from nas.schema.ramp import AS_IT_IS, Ramp, Scheduled, as_ramp, values_of

JOINT, FINETUNE = "joint", "finetune"
"""The procedure that trains all of a model from the beginning, and that for pretrained experts."""
GATE = "gate"
"""The procedure for frozen experts. It follows from a candidate's `start`, and is never set in a
recipe, which describes the training of experts."""


PROBE_FACTOR = 10.0
"""See `Recipe.probed`."""

Scalar = bool | int | float | str
"""A value of an axis or a model argument in a space file; rendered with `repr` only."""


def _weight(scheduled: float | Ramp) -> float | Ramp:
    values = values_of(scheduled)
    if min(values) < 0 or max(values) > 1e6:
        raise ValueError("should be from 0 to 1e6")
    return scheduled


def _factor(given: Any) -> Ramp | None:
    if given is None:
        return None
    ramp = as_ramp(given)
    if not 0 <= min(values_of(ramp)) <= max(values_of(ramp)) <= 1:
        raise ValueError("should have values from 0 to 1: factors on the learning rate")
    return ramp


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Weight = Annotated[Scheduled, AfterValidator(_weight)]
Factor = Annotated[Ramp | None, PlainValidator(_factor), AS_IT_IS]


class Recipe(OmitDefaults):
    """Training settings; the defaults follow the published MoE4 recipe (arXiv 2606.23739).

    Where a ramp is allowed, it is a list of points `[share of training, value]`, so that it serves
    any number of epochs; a third part `cosine` makes the way to a point a half cosine.
    """

    omit_if_default: ClassVar[frozenset[str]] = frozenset(
        {
            *("warm_lr", "losses", "optimizer", "momentum", "beta2", "schedule", "gate_schedule"),
            *("gate_clip_norm", "knobs", "settings", "score_training", "cutmix"),
        }
    )

    procedure: str = Field(JOINT, pattern=r"^[a-z][a-z0-9_]*$")
    settings: dict[Name, Scalar] = {}
    """Settings of the procedure, by name: see its file in `nas/train/procedures`."""
    epochs: int = Field(2, ge=1, le=10_000)
    batch_size: int = Field(32, ge=2, le=65_536)
    lr: float = Field(1e-3, gt=0, le=10)
    weight_decay: float = Field(5e-4, ge=0, le=10)
    gate_lr_multiplier: float = Field(2.0, gt=0, le=1000)
    gate_weight_decay: float = Field(2.5e-4, ge=0, le=10)
    clip_norm: float | None = Field(1.0, gt=0)
    """The largest norm of all gradients together; None (null): they are not clipped."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    mixup_alpha: float = Field(0.2, ge=0)
    """0 switches mixup off."""
    cutmix: float = Field(0.0, ge=0, le=1)
    """Probability that a batch is mixed by CutMix (arXiv 1905.04899) instead of mixup."""
    balance_weight: Weight = 0.01
    """Weight of the load-balancing loss, or a ramp; its gradient reaches the gate."""
    losses: dict[Name, Weight] = {}
    """Weights of further auxiliary losses on the gate, or ramps, by name: files of
    `nas/moe/losses`."""
    knobs: dict[Name, Scheduled] = {}
    """Values, or ramps, for settings of the model that change while it trains, by name; a model
    without any ignores them."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of sgd."""
    beta2: float = Field(0.999, gt=0, lt=1)
    """Of adamw."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of all steps for the warm-up from 0.1·lr to lr; then cosine decay to 0."""
    schedule: Factor = None
    """A ramp of the factor on every learning rate, instead of warm-up and cosine."""
    gate_schedule: Factor = None
    """The same for the gate's alone."""
    gate_clip_norm: float | None = Field(None, gt=0)
    """Clips the gate's gradients by themselves; None: together with all others."""
    augment: Literal["none", "light", "standard", "strong"] = "light"
    """light: random crops, and mirroring where the data set allows it; standard: also changes of
    colour, and erasing; strong: also random scales and RandAugment. See `nas.data.augment`."""
    warm_lr: float = Field(0.1, gt=0, le=10)
    """Factor on lr for experts that are initialised from a bank."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast on CUDA, fp32 on CPU. A GPU without bf16 computes in fp32."""
    score_training: bool = False
    """Whether the trained model is also scored on its training images, unaugmented."""

    @field_validator("losses")
    @classmethod
    def _balance_apart(cls, losses: dict[str, Any]) -> dict[str, Any]:
        if "balance" in losses:
            raise ValueError("do not name balance: its weight is balance_weight")
        return losses

    @property
    def weighted_losses(self) -> dict[str, float | Ramp]:
        """Of `losses` those that ever have a weight; a constant 0 is no loss."""
        return {name: w for name, w in self.losses.items() if max(values_of(w)) > 0}

    def dotted(self) -> Iterator[tuple[str, Any]]:
        """The fields under their dotted names, as `having` takes them: of a mapping, each of its
        names."""
        for field, value in self:
            if isinstance(value, dict):
                yield from ((f"{field}.{name}", each) for name, each in value.items())
            else:
                yield field, value

    def having(self, settings: Mapping[str, Scalar]) -> Self:
        """The recipe with fields replaced, each under its dotted name, such as `losses.z`.

        Raises pydantic's ValidationError for an unknown name or a value out of bounds.
        """
        changes: dict[str, Any] = {}
        for name, value in settings.items():
            field, dot, inner = name.partition(".")
            known = changes.get(field, getattr(self, field, None))
            if dot and isinstance(known, dict):
                changes[field] = {**known, inner: value}
            else:
                changes[name] = value
        return self.with_(**changes)

    def finetuned(self) -> Self:
        """The recipe for finetuned experts: their learning rate times `warm_lr`, the gate's as is.

        Raises pydantic's ValidationError if a rate leaves its bounds.
        """
        return self.with_(
            lr=self.lr * self.warm_lr,
            gate_lr_multiplier=self.gate_lr_multiplier / self.warm_lr,
        )

    def probed(self) -> Self:
        """The recipe for what stands on features: few parameters, on inputs of mean 0 and
        deviation 1, which PROBE_FACTOR times the rate suits."""
        return self.with_(lr=min(10.0, PROBE_FACTOR * self.lr))


class Task(OmitDefaults):
    """The data on which a campaign trains and selects."""

    omit_if_default: ClassVar[frozenset[str]] = frozenset({"hold_out", "standardize"})

    dataset: str = "digits"
    """See `nas data`; a user's own images are `folder:PATH` or `classes:PATH`."""
    split_seed: int = 0
    """Determines which images are for training, validation and test."""
    hold_out: float = Field(0.0, ge=0, lt=1)
    """Share of the training images held out from the model, so that a gate or weights fitted to its
    predictions are not fitted to images it has memorised."""
    standardize: bool = True
    """Whether a model gets images less the training images' mean, divided by their deviation;
    otherwise images in [0, 1], which it prepares itself. Follows from a candidate's experts."""
