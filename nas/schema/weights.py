"""Pretrained weights of a member, and the images that they were trained on."""

from typing import Literal

from pydantic import Field, field_validator

from nas.schema.base import Frozen

NAME = r"^[A-Za-z0-9~/.][A-Za-z0-9_.:/@~+-]*$"
"""Of weights: `resnet18.a1_in1k`, `hf-hub:user/model@revision`, the path of a file or a folder."""
Interpolation = Literal["nearest", "bilinear", "bicubic"]


class ModelInput(Frozen):
    """The images that a network was trained on, square and in RGB."""

    image_size: int = Field(224, ge=8, le=2048)
    """Side in pixels of what the network sees."""
    crop: float = Field(1.0, gt=0, le=1)
    """The share of an image's side that is seen: the middle of it."""
    interpolation: Interpolation = "bicubic"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Of images in [0, 1], by channel; what is seen is (x − mean) / std."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @field_validator("std")
    @classmethod
    def _divides(cls, std: tuple[float, ...]) -> tuple[float, ...]:
        if min(std) <= 0:
            raise ValueError("should be above 0")
        return std

    @property
    def resized(self) -> int:
        """Side in pixels to which a whole image is resized before its middle is seen."""
        return max(self.image_size, int(self.image_size / self.crop))


class Weights(Frozen):
    """Pretrained weights. A space's file names them; what else there is to know is in the store
    that `nas weights get` fills, and in the ledger from then on (`found`)."""

    name: str = Field(pattern=NAME, max_length=300)
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    """Of the safetensors file in the store; empty where the store was not asked yet."""
    inputs: ModelInput = ModelInput()
    revision: str = ""
    """The commit of a repository that it was fetched from."""
    licence: str = ""
    """As its publisher gives it, such as `apache-2.0`; empty where none is given."""
    outputs: int = Field(0, ge=0)
    """How many classes its own classifier has, which is not used."""

    @property
    def found(self) -> bool:
        """Whether the store has them."""
        return bool(self.sha256)
