"""How a candidate is trained, and on which data."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator

from nas.schema.base import OmitDefaults

GATE = "gate"
"""The procedure for frozen experts. It follows from a candidate's `start`, and is never set in a
recipe, which describes the training of experts."""


class Recipe(OmitDefaults):
    """Training settings; the defaults follow the published MoE4 recipe (arXiv 2606.23739)."""

    omit_if_default: ClassVar[frozenset[str]] = frozenset({"warm_lr", "losses"})

    procedure: str = Field("joint", pattern=r"^[a-z][a-z0-9_]*$")
    epochs: int = Field(2, ge=1, le=10_000)
    batch_size: int = Field(32, ge=2, le=65_536)
    lr: float = Field(1e-3, gt=0, le=10)
    weight_decay: float = Field(5e-4, ge=0, le=10)
    gate_lr_multiplier: float = Field(2.0, gt=0, le=1000)
    gate_weight_decay: float = Field(2.5e-4, ge=0, le=10)
    clip_norm: float = Field(1.0, gt=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    mixup_alpha: float = Field(0.2, ge=0)
    """0 switches mixup off."""
    balance_weight: float = Field(0.01, ge=0)
    """Weight of the load-balancing loss; its gradient reaches the gate."""
    losses: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)],
        Annotated[float, Field(ge=0, le=1e6)],
    ] = {}
    """Weights of further auxiliary losses on the gate, by name: files of `nas/moe/losses`."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of all steps for the warm-up from 0.1·lr to lr; then cosine decay to 0."""
    augment: Literal["none", "light", "standard"] = "light"
    warm_lr: float = Field(0.1, gt=0, le=10)
    """Factor on lr for experts that are initialised from a bank."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast on CUDA, fp32 on CPU. A GPU without bf16 computes in fp32."""

    @field_validator("losses")
    @classmethod
    def _balance_apart(cls, losses: dict[str, float]) -> dict[str, float]:
        if "balance" in losses:
            raise ValueError("do not name balance: its weight is balance_weight")
        return losses

    def finetuned(self) -> Self:
        """The recipe for finetuned experts: their learning rate times `warm_lr`, the gate's as is.

        Raises pydantic's ValidationError if a rate leaves its bounds.
        """
        return self.with_(
            lr=self.lr * self.warm_lr,
            gate_lr_multiplier=self.gate_lr_multiplier / self.warm_lr,
        )


class Task(OmitDefaults):
    """The data on which a campaign trains and selects."""

    omit_if_default: ClassVar[frozenset[str]] = frozenset({"hold_out"})

    dataset: str = "digits"
    """See `nas data`; a user's own images are `folder:PATH` or `classes:PATH`."""
    split_seed: int = 0
    """Determines which images are for training, validation and test."""
    hold_out: float = Field(0.0, ge=0, lt=1)
    """Share of the training images held out from the model, so that a gate or weights fitted to its
    predictions are not fitted to images it has memorised."""
