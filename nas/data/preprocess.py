"""An image file as a model's input: one recipe, for training and for use.

It stands alone, needs Pillow and NumPy, and every export carries a copy of it, so that a new image
is prepared exactly as those that the model was trained on:

1. The first frame, turned upright as its EXIF orientation says. Colour profiles are not applied.
2. Transparent parts are laid on mid-grey.
3. Palettes, CMYK and the like become RGB; for a model of 1 channel grey (ITU-R BT.601 luma), and
   for one of 3 grey is repeated.
4. Scaled to cover the square, bilinear with antialiasing, and cropped to its middle.
5. Deep images (grey of 16 or 32 bits, or floating point) by one range of values for the whole data
   set, never one an image: `value_range` becomes 0…255, and what lies outside it is clipped.
   Colour of 16 bits is cut to its upper 8.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

BACKGROUND = 128
"""What shows where an image is transparent, whatever colour lies hidden there."""
BYTES, COLOUR = "8 bits", "16-bit colour"
INTEGERS, FLOATS = "integers of 16 or 32 bits", "floating point"

STEPS = {
    "frame": 0,
    "orientation": "exif",
    "colour_profile": "ignored",
    "background": BACKGROUND,
    "grey": "ITU-R BT.601",
    "resize": "cover",
    "interpolation": "bilinear",
    "antialias": True,
    "crop": "center",
}
"""What `prepare` does, for a program that does the same by other means."""

_WHITE_IS_ZERO = 0  # TIFF 6.0, PhotometricInterpretation
_UNSIGNED, _SIGNED = 1, 2  # TIFF 6.0, SampleFormat


class Picture(NamedTuple):
    """A decoded file, upright and opaque."""

    image: Image.Image
    """Mode L or RGB of 8 bits, or F for a deep image."""
    depth: str
    """BYTES, COLOUR, INTEGERS or FLOATS."""
    frames: int


def prepare(
    path: str | Path,
    *,
    image_size: int,
    channels: int,
    value_range: tuple[float, float] | None = None,
) -> NDArray[np.uint8]:
    """A file as uint8 `(channels, image_size, image_size)`.

    Raises ValueError for a deep image without a range, for another with one, and for values that
    are not finite; what Pillow raises for a damaged file passes.
    """
    image, depth, _ = read(path)
    if image.mode == "F" and value_range is None:
        raise ValueError(f"{depth}, where the other images have 8 bits")
    if image.mode != "F" and value_range is not None:
        raise ValueError(f"{depth}, where the other images have 16 or 32")
    if image.mode == "RGB" and channels == 1:
        image = image.convert("L")
    square = ImageOps.fit(image, (image_size, image_size), Image.Resampling.BILINEAR)
    pixels = np.asarray(square)
    if value_range is not None:
        low, high = value_range
        share = (pixels.astype(np.float64) - low) / (high - low)
        pixels = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], channels, axis=2)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def read(path: str | Path) -> Picture:
    """A file's first frame; raises as `prepare` does."""
    # By an open file: by a name, Pillow maps raw TIFFs to memory and mixes up the sides of those
    # that lie on one.
    with Path(path).open("rb") as file, Image.open(file) as image:
        frames = int(getattr(image, "n_frames", 1))
        stored = str(image.tile[0].args) if image.tile else ""
        tags = getattr(image, "tag_v2", {})
        sample, meaning = tags.get(339, (_UNSIGNED,))[0], tags.get(262)
        image.load()
        upright = ImageOps.exif_transpose(image)
        if image.mode == "F" or image.mode.startswith("I"):
            values = np.asarray(upright)
            if image.mode == "I" and meaning is not None and sample == _UNSIGNED:
                values = values.view(np.uint32)  # which Pillow takes for signed
            if image.mode != "F" and meaning == _WHITE_IS_ZERO:  # which it heeds in 8 bits only
                values = float(np.iinfo(values.dtype).max) - values
            if not np.isfinite(values).all():
                raise ValueError("it has values that are not finite")
            deep = Image.fromarray(values.astype(np.float32))
            return Picture(deep, FLOATS if image.mode == "F" else INTEGERS, frames)
        if sample == _SIGNED:
            raise ValueError("its 8-bit values are signed")
        return Picture(_opaque(upright), COLOUR if ";16" in stored else BYTES, frames)


def _opaque(image: Image.Image) -> Image.Image:
    """8-bit grey or RGB."""
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
