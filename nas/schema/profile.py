"""A member's measured profile, and the cost of a candidate as a sum of profiles."""

from collections.abc import Sequence

from pydantic import Field

from nas.schema.axes import Member
from nas.schema.base import Frozen


class ProfileConditions(Frozen):
    """The conditions of a profile; with the member they are the cache's key."""

    image_size: int
    channels: int
    num_classes: int
    torch: str
    timm: str
    device: str
    """`cpu`, or the GPU's name."""
    precision: str
    memory_format: str


class MemberProfile(Frozen):
    """One member, built and trained for one step. Bytes and MACs are for one image."""

    member: Member
    ok: bool
    problem: str = ""
    """The reason if it failed."""
    params: int = Field(0, ge=0)
    buffers_bytes: int = Field(0, ge=0)
    macs: int = Field(0, ge=0)
    """Multiply-accumulates of one forward pass."""
    saved_bytes: int = Field(0, ge=0)
    """Bytes that autograd keeps from forward to backward, without parameters."""
    seconds: float = Field(0.0, ge=0)
    """Seconds of one training step (forward, backward) with `batch` images."""
    batch: int = Field(0, ge=0)


class Cost(Frozen):
    """The resources that a candidate needs."""

    params: int
    macs: int
    """Multiply-accumulates that are executed for one image at evaluation."""
    memory_bytes: int | None
    active_macs: int | None = None
    """The same without the places for tokens that no token takes, before any is dropped; None for
    a mixture of members, where it would depend on which of them an image goes to."""

    @classmethod
    def of(
        cls,
        profiles: Sequence[MemberProfile],
        batch: int,
        *,
        extra_params: int = 0,
        extra_macs: int = 0,
        extra_saved_bytes: int = 0,
        active_macs: int | None = None,
        margin: float = 1.1,
    ) -> "Cost":
        """Sums members' profiles for a training step with `batch` images.

        Memory: 16 bytes per parameter (fp32 weight, gradient and AdamW's two moments), buffers,
        and the saved tensors of the batch, times `margin` for everything not counted (workspaces,
        fragmentation). `extra_*` is the template's own part, the gate.
        """
        params = sum(p.params for p in profiles) + extra_params
        saved = sum(p.saved_bytes for p in profiles) + extra_saved_bytes
        fixed = 16 * params + sum(p.buffers_bytes for p in profiles)
        return cls(
            params=params,
            macs=sum(p.macs for p in profiles) + extra_macs,
            memory_bytes=round(margin * (fixed + saved * batch)),
            active_macs=active_macs,
        )
