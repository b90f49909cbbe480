"""An image file as a model's input: one recipe, for training and for use.

It stands alone, needs Pillow and NumPy, and every export carries a copy of it, so that a new image
is prepared exactly as those that the model was trained on:

1. The first frame (of a TIFF the first page that is no smaller copy of another), turned upright as
   its EXIF orientation says, or as it is where none can be read. Colour profiles are not applied.
2. Transparent parts are laid on mid-grey.
3. Palettes, CMYK and the like become RGB; for a model of 1 channel grey (ITU-R BT.601 luma), and
   for one of 3 grey is repeated.
4. Scaled to cover the square, bilinear with antialiasing, and cropped to its middle.
5. Deep images (grey of 16 or 32 bits, or floating point) by one range of values for the whole data
   set, never one an image: `value_range` becomes 0…255, and what lies outside it is clipped.
   Colour of more than 8 bits, and such grey with an alpha channel, is cut to its upper 8 when it is
   read.
6. Rounded to 8 bits.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

BACKGROUND = 128
"""What shows where an image is transparent, whatever colour lies hidden there."""
BYTES, COLOUR = "8 bits", "16-bit colour"
INTEGERS, FLOATS = "integers of 16 or 32 bits", "floating point"

STEPS = {
    "frame": "the first; of TIFF pages the first that is no smaller copy",
    "orientation": "exif",
    "colour_profile": "ignored",
    "background": BACKGROUND,
    "grey": "ITU-R BT.601",
    "resize": "cover",
    "interpolation": "bilinear",
    "antialias": True,
    "crop": "center",
    "deep_grey": "value_range becomes 0…255, clipped",
    "deep_colour": "upper 8 bits",
    "bits": 8,
}
"""What `prepare` does, for a program that does the same by other means."""

_KIND, _BITS, _MEANING, _PLANES, _SAMPLE = 254, 258, 262, 284, 339  # TIFF 6.0, tags
_SMALLER = 1  # of _KIND, a bit
_WHITE_IS_ZERO, _LAB = 0, 8  # of _MEANING
_SEPARATE = 2  # of _PLANES
_UNSIGNED, _SIGNED = 1, 2  # of _SAMPLE
_NATIVE = {
    **dict.fromkeys(("I;16S", "I;16BS"), "I;16NS"),
    **dict.fromkeys(("I;32S", "I;32BS"), "I;32NS"),
    **dict.fromkeys(("F;32F", "F;32BF"), "F;32NF"),
}
"""Pillow's names of orders of bytes, and those of this machine's own."""
_ORIENTATION = 274  # EXIF 2.3, tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Picture(NamedTuple):
    """A decoded file, upright and opaque."""

    image: Image.Image
    """Mode L or RGB of 8 bits, or F for a deep image."""
    depth: str
    """BYTES, COLOUR, INTEGERS or FLOATS."""
    frames: int
    brightness: NDArray[np.uint8] | None = None
    """Of COLOUR, each pixel's greatest value of any band, of 255, before any ground is laid; of
    those that show, `(n,)`."""
    hidden: NDArray[np.bool_] | None = None
    """Where a deep image is transparent, if it is anywhere."""


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
    image, depth, *_, hidden = read(path)
    if image.mode == "F" and value_range is None:
        raise ValueError(f"{depth}, where the other images have 8 bits")
    if image.mode != "F" and value_range is not None:
        raise ValueError(f"{depth}, where the other images have 16 or 32")
    if image.mode == "RGB" and channels == 1:
        image = image.convert("L")
    if value_range is not None and hidden is not None:
        low, high = value_range
        ground = low + (high - low) * BACKGROUND / 255
        image = Image.fromarray(np.where(hidden, np.float32(ground), np.asarray(image)))
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
        frames = _first_whole(image)
        depth = _depth(image)
        _scale_key(image, depth)
        tags = getattr(image, "tag_v2", {})
        sample, meaning = tags.get(_SAMPLE, (_UNSIGNED,))[0], tags.get(_MEANING)
        _order_bytes(image)
        image.load()
        upright = _upright(image)
        if depth in (INTEGERS, FLOATS):
            values = np.asarray(upright)
            if image.mode == "I" and meaning is not None and sample == _UNSIGNED:
                values = values.view(np.uint32)  # which Pillow takes for signed
            key = image.info.get("transparency")
            hidden = values == key if isinstance(key, int) else None
            if depth == INTEGERS and meaning == _WHITE_IS_ZERO:  # which it heeds in 8 bits only
                values = float(np.iinfo(values.dtype).max) - values
            if not np.isfinite(values).all():
                raise ValueError("it has values that are not finite")
            if hidden is not None and hidden.all():
                raise ValueError("all of it is transparent")
            deep = Image.fromarray(values.astype(np.float32))
            return Picture(deep, depth, frames, hidden=hidden)
        if sample == _SIGNED:
            raise ValueError("its 8-bit values are signed")
        brightness = _brightness(upright) if depth == COLOUR else None
        return Picture(_opaque(upright), depth, frames, brightness)


def _depth(image: ImageFile.ImageFile) -> str:
    """Of a file that is open and not yet decoded. ValueError for one that Pillow decodes wrongly,
    which it does without a word."""
    if image.mode == "F":
        return FLOATS
    if image.mode.startswith("I"):
        return INTEGERS
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (8,))
    lab = tags.get(_MEANING) == _LAB
    if tags.get(_PLANES) == _SEPARATE and len(bits) > 1 and (max(bits) > 8 or lab):
        kind = "L*a*b*" if lab else f"{max(bits)}-bit"
        raise ValueError(f"its {kind} bands lie one after another, in planes of their own")
    if not image.tile:
        return BYTES
    codec, *_, how = image.tile[0]
    most = how[-1] if codec.startswith("ppm") and isinstance(how, tuple) else 255
    return COLOUR if ";16" in str(how) or most > 255 else BYTES


def _first_whole(image: ImageFile.ImageFile) -> int:
    """Goes to the first frame that is no smaller copy of another; how many such there are."""
    number = int(getattr(image, "n_frames", 1))
    if not hasattr(image, "tag_v2"):
        return number
    whole = []
    for frame in range(number):
        image.seek(frame)
        if not image.tag_v2.get(_KIND, 0) & _SMALLER:
            whole.append(frame)
    if not whole:
        raise ValueError("each of its pages is a smaller copy of an image that is in none")
    image.seek(whole[0])
    return len(whole)


def _order_bytes(image: ImageFile.ImageFile) -> None:
    """What libtiff has unpacked lies in the machine's own order of bytes, which Pillow knows of
    unsigned 16 bits alone; signed ones and floating point it turns round as they lie in the file.
    """
    image.tile = [
        tile._replace(args=(_NATIVE.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple)
        else tile
        for tile in image.tile
    ]


def _scale_key(image: ImageFile.ImageFile, depth: str) -> None:
    """A colour that stands for transparency is brought to the 8 bits that the pixels will have:
    Pillow leaves it as the file holds it."""
    key, stored = image.info.get("transparency"), str(image.tile[0].args) if image.tile else ""
    for bits in (2, 4):
        if stored == f"L;{bits}" and isinstance(key, int) and key < 2**bits:
            image.info["transparency"] = key * 255 // (2**bits - 1)
    if depth == COLOUR and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says; as it is where that cannot be read."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # garbage beside sound pixels raises anything
        return image
    return image if turn is None else image.transpose(turn)


def _brightness(image: Image.Image) -> NDArray[np.uint8]:
    """See Picture; of pixels that are not wholly transparent."""
    if not image.has_transparency_data:
        greatest: NDArray[np.uint8] = np.asarray(image.convert("RGB")).max(axis=-1).ravel()
        return greatest
    colours = np.asarray(image.convert("RGBA"))
    greatest = colours[..., :3].max(axis=-1)
    return greatest[colours[..., 3] > 0]


def _opaque(image: Image.Image) -> Image.Image:
    """8-bit grey or RGB."""
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
