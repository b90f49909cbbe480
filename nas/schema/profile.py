"""What a pre-flight measured of one member, and what candidates cost by adding it up."""

from collections.abc import Sequence

from nas.schema.axes import Member
from nas.schema.base import Frozen


class ProfileConditions(Frozen):
    """What a probe's figures depend on: the cache's key, together with the member."""

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
    """One member, built and stepped once. Bytes and MACs are for one image."""

    member: Member
    ok: bool
    problem: str = ""
    """Why not, when not ok."""
    params: int = 0
    buffers_bytes: int = 0
    macs: int = 0
    """Multiply-accumulates of one forward pass."""
    saved_bytes: int = 0
    """Tensors autograd keeps from forward to backward, parameters not counted."""
    seconds: float = 0.0
    """One training step (forward, backward) of `batch` images."""
    batch: int = 0


class Cost(Frozen):
    """What one candidate needs."""

    params: int
    macs: int
    memory_bytes: int | None

    @classmethod
    def of(
        cls,
        probes: Sequence[MemberProfile],
        batch: int,
        *,
        extra_params: int = 0,
        extra_macs: int = 0,
        extra_saved_bytes: int = 0,
        margin: float = 1.1,
    ) -> "Cost":
        """Adds up members' probes for a training step of `batch` images.

        Memory: 16 bytes a parameter (fp32 weight, gradient and AdamW's two moments), buffers,
        and the saved tensors of the batch, times `margin` for what is not counted (workspaces,
        fragmentation). `extra_*` is what the template adds, the gate.
        """
        params = sum(p.params for p in probes) + extra_params
        saved = sum(p.saved_bytes for p in probes) + extra_saved_bytes
        fixed = 16 * params + sum(p.buffers_bytes for p in probes)
        return cls(
            params=params,
            macs=sum(p.macs for p in probes) + extra_macs,
            memory_bytes=round(margin * (fixed + saved * batch)),
        )
