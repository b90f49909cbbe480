"""Converts an image file to a model's input: one recipe, for training and for use.

The module is self-contained; it needs only Pillow and NumPy. Every export carries a copy of it, so
that new images are prepared exactly like the training images:

1. Read the first frame (of a TIFF, the first page that is not a reduced copy of another). Rotate it
   by its EXIF orientation, if that can be read. Ignore colour profiles.
2. Blend transparent parts with mid-grey.
3. Convert palettes, CMYK and the like to RGB. For a model with 1 channel convert to grey (ITU-R
   BT.601 luma); for one with 3, repeat grey.
4. Scale to cover the square, bilinear with antialiasing, and crop the centre.
5. Scale deep images (grey of 16 or 32 bits, or floating point) by one range of values for the whole
   data set, never per image: `value_range` becomes 0…255, and values outside it are clipped. Colour
   with more than 8 bits, and such grey with an alpha channel, is cut to 8 bits on reading.
6. Round to 8 bits.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

BACKGROUND = 128
"""Background of transparent pixels; any colour hidden there is ignored."""
BYTES, COLOUR = "8 bits", "16-bit colour"
INTEGERS, FLOATS = "integers of 16 or 32 bits", "floating point"

STEPS = {
    "frame": "the first; of TIFF pages the first that is not a reduced copy",
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
"""The steps of `prepare`, for programs that implement them by other means."""

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
"""Pillow's modes with a byte order → the mode with this machine's byte order."""
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
    """A decoded file, rotated upright, without transparency."""

    image: Image.Image
    """Mode L or RGB with 8 bits, or F for a deep image."""
    depth: str
    """BYTES, COLOUR, INTEGERS or FLOATS."""
    frames: int
    brightness: NDArray[np.uint8] | None = None
    """Only for COLOUR: each visible pixel's maximum over the bands, in 0…255, before blending with
    the background; `(n,)`."""
    hidden: NDArray[np.bool_] | None = None
    """The transparent pixels of a deep image; None if it has none."""


def prepare(
    path: str | Path,
    *,
    image_size: int,
    channels: int,
    value_range: tuple[float, float] | None = None,
) -> NDArray[np.uint8]:
    """A file as uint8 `(channels, image_size, image_size)`.

    Raises ValueError for a deep image without a range, for another image with one, and for values
    that are not finite. Pillow's exceptions for damaged files are passed on.
    """
    image, depth, *_, hidden = read(path)
    if image.mode == "F" and value_range is None:
        raise ValueError(f"{depth}, but the other images have 8 bits")
    if image.mode != "F" and value_range is not None:
        raise ValueError(f"{depth}, but the other images have 16 or 32")
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
    # Opened as a file: given a name, Pillow memory-maps raw TIFFs and mixes up the sides of rotated
    # ones.
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
                values = values.view(np.uint32)  # Pillow reads them as signed
            key = image.info.get("transparency")
            hidden = values == key if isinstance(key, int) else None
            if depth == INTEGERS and meaning == _WHITE_IS_ZERO:  # Pillow inverts only 8 bits
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
    """The depth of an opened file that is not yet decoded. Raises ValueError for a kind of file
    that Pillow decodes wrongly without an error."""
    if image.mode == "F":
        return FLOATS
    if image.mode.startswith("I"):
        return INTEGERS
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (8,))
    lab = tags.get(_MEANING) == _LAB
    if tags.get(_PLANES) == _SEPARATE and len(bits) > 1 and (max(bits) > 8 or lab):
        kind = "L*a*b*" if lab else f"{max(bits)}-bit"
        raise ValueError(f"its {kind} bands are stored in separate planes")
    if not image.tile:
        return BYTES
    codec, *_, how = image.tile[0]
    most = how[-1] if codec.startswith("ppm") and isinstance(how, tuple) else 255
    return COLOUR if ";16" in str(how) or most > 255 else BYTES


def _first_whole(image: ImageFile.ImageFile) -> int:
    """Seeks the first frame that is not a reduced copy of another; returns their number."""
    number = int(getattr(image, "n_frames", 1))
    if not hasattr(image, "tag_v2"):
        return number
    whole = []
    for frame in range(number):
        image.seek(frame)
        if not image.tag_v2.get(_KIND, 0) & _SMALLER:
            whole.append(frame)
    if not whole:
        raise ValueError("each of its pages is a reduced copy of an image that is missing")
    image.seek(whole[0])
    return len(whole)


def _order_bytes(image: ImageFile.ImageFile) -> None:
    """Corrects the byte order of pixels unpacked by libtiff. They have the machine's own order, but
    Pillow knows this only for unsigned 16 bits; it swaps signed and floating-point values as if
    they had the file's order."""
    image.tile = [
        tile._replace(args=(_NATIVE.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple)
        else tile
        for tile in image.tile
    ]


def _scale_key(image: ImageFile.ImageFile, depth: str) -> None:
    """Converts the colour that means transparency to 8 bits like the pixels; Pillow keeps the
    file's value."""
    key, stored = image.info.get("transparency"), str(image.tile[0].args) if image.tile else ""
    for bits in (2, 4):
        if stored == f"L;{bits}" and isinstance(key, int) and key < 2**bits:
            image.info["transparency"] = key * 255 // (2**bits - 1)
    if depth == COLOUR and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _upright(image: Image.Image) -> Image.Image:
    """Rotated by its EXIF orientation; unchanged if that cannot be read."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # corrupt EXIF data beside valid pixels raise anything
        return image
    return image if turn is None else image.transpose(turn)


def _brightness(image: Image.Image) -> NDArray[np.uint8]:
    """See Picture.brightness; skips fully transparent pixels."""
    if not image.has_transparency_data:
        greatest: NDArray[np.uint8] = np.asarray(image.convert("RGB")).max(axis=-1).ravel()
        return greatest
    colours = np.asarray(image.convert("RGBA"))
    greatest = colours[..., :3].max(axis=-1)
    return greatest[colours[..., 3] > 0]


def _opaque(image: Image.Image) -> Image.Image:
    """The image as 8-bit grey or RGB, blended with BACKGROUND."""
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
