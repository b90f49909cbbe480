"""Inspects every image file before it is used. Torch-free."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nas.data.preprocess import BYTES, COLOUR, FLOATS, Picture, read
from nas.data.reading import Tell, each, sound, usable
from nas.schema import ProblemError

OUTLIERS, FEW_PIXELS = 1e-4, 100
"""OUTLIERS: share of an image's darkest and of its brightest pixels that the range of values
ignores, at least one pixel. An image of at most FEW_PIXELS has none."""
CROWDED, ASIDE = 16, 0.1
"""Refused: a range of values more than CROWDED times that of all training images except the share
ASIDE at either end, which would leave them fewer than 16 of 255 levels."""
BLANK_SHARE, BLANK_LEVELS = 0.9, 2
"""Refused: the share BLANK_SHARE of training images, each of a single colour, or all within
BLANK_LEVELS of 255 levels of the same colour."""
SHARES_USED = 0.25
"""Floating-point values in [0, 1] that span at least this much of it are not rescaled."""
SHALLOW = frozenset((BYTES, COLOUR))
"""Depths that may be mixed, because white is 255 after reading."""
DARKEST_COLOUR = 64
"""Refused: 16-bit colour below this level of 255 in all training images except the share ASIDE: cut
to 8 bits it has lost too much."""

Pixel = TypeVar("Pixel", np.float32, np.uint8)


@dataclass(frozen=True, slots=True)
class Look:
    """Properties of one file's image."""

    path: Path
    depth: str
    """See nas.data.preprocess."""
    low: tuple[float, ...]
    """The minimum of each band; for a deep image's single band, without outliers."""
    high: tuple[float, ...]
    frames: int
    brightest: int = 255
    """For 16-bit colour: the maximum of its visible pixels without outliers, in 0…255."""
    without_marks: tuple[float, float] | None = None
    """`low` and `high` of a deep image without a distant value that marks missing data; None if
    there is no such value."""


def look(path: Path) -> Look:
    """Decodes a whole file; ProblemError, with its name, if it cannot be used."""
    picture: Picture = usable(read, path)
    marks, brightest = None, 255
    if picture.brightness is not None:
        brightest = int(_ends(picture.brightness)[1][0]) if picture.brightness.size else 0
    if picture.image.mode == "F":
        values = np.asarray(picture.image).ravel()
        if picture.hidden is not None:
            values = values[~picture.hidden.ravel()]
        low, high = _ends(values)
        marks = _without_marks(values, float(low[0]), float(high[0]))
    else:
        low, high = np.array(picture.image.getextrema()).reshape(-1, 2).T
    return Look(
        path,
        picture.depth,
        tuple(low.tolist()),
        tuple(high.tolist()),
        picture.frames,
        brightest,
        marks,
    )


def _ends(values: NDArray[Pixel]) -> tuple[NDArray[Pixel], NDArray[Pixel]]:
    """The minimum and the maximum without outliers, `(1,)` each."""
    out = ceil(len(values) * OUTLIERS) if len(values) > FEW_PIXELS else 0
    ends = np.partition(values, (out, -1 - out))[[out, -1 - out]]
    return ends[:1], ends[1:]


def _without_marks(
    values: NDArray[np.float32], low: float, high: float
) -> tuple[float, float] | None:
    """The ends of an image's values without its minimum, or its maximum, if that value alone spans
    nearly the whole range. An image with only two values has no mark."""
    end = (high - low) / CROWDED
    between = np.count_nonzero((values > low + end) & (values < high - end))
    if between > 2 * ceil(len(values) * OUTLIERS):  # no value is far from all others
        return None
    for rest in (values[values > low], values[values < high]):
        if len(rest) > FEW_PIXELS:
            least, most = (float(end[0]) for end in _ends(rest))
            if 0 < most - least < end:
                return least, most
    return None


def look_at_all(paths: Sequence[Path], tell: Tell = lambda done, total: None) -> list[Look]:
    """Inspects every file. Raises ProblemError with the first SHOWN bad files, or if the files have
    different bit depths."""
    looks = sound(each(look, paths, tell))
    count = Counter(one.depth for one in looks)
    if len(count) > 1 and not count.keys() <= SHALLOW:
        first = {one.depth: one.path for one in reversed(looks)}
        raise ProblemError(
            "the images have different depths, which need different scales: "
            + "; ".join(f"{n} of {depth} ({first[depth]})" for depth, n in count.most_common()),
            fix="convert all to one depth",
        )
    return looks


def value_range(training: Sequence[Look]) -> tuple[float, float] | None:
    """The range of values of a deep data set that is mapped to 0…1; None if images have 8 bits.

    It is the minimum and maximum of the training images, each without its OUTLIERS; 0 and 1 for
    floating point that lies in [0, 1] and spans SHARES_USED of it. Raises ProblemError for an empty
    range.
    """
    depth = training[0].depth
    if depth in SHALLOW:
        return None
    least = min(training, key=lambda one: one.low)
    most = max(training, key=lambda one: one.high)
    low, high = least.low[0], most.high[0]
    if depth == FLOATS and low >= 0 and high <= 1 and high - low >= SHARES_USED:
        return 0.0, 1.0
    if low == high:
        raise ProblemError(f"all training images contain only one value, {low:g}")
    return low, high


def range_of(training: Sequence[Path]) -> tuple[float, float] | None:
    """`value_range` of files; if the first is not deep, the others are not read."""
    if not training or look(training[0]).depth in SHALLOW:
        return None
    return value_range(look_at_all(training))


def check_pixels(training: Sequence[Look]) -> None:
    """Raises ProblemError if nearly all training images are blank, or use too little of the range
    that they are scaled from."""
    _check_colour([one for one in training if one.depth == COLOUR])
    level = 1.0
    if (span := value_range(training)) is not None:
        _check_range(training, span)
        level = (span[1] - span[0]) / 255
    low, high = (
        np.array([bands * 3 if len(bands) == 1 else bands for bands in values])
        for values in ([one.low for one in training], [one.high for one in training])
    )
    middle = np.median((low + high) / 2, axis=0)
    reach = BLANK_LEVELS * level
    alike = (low >= middle - reach) & (high <= middle + reach)
    blank = alike.all(axis=1) | (high - low < level).all(axis=1)
    if blank.mean() >= BLANK_SHARE:
        raise ProblemError(
            f"{int(blank.sum())} of {len(blank)} training images are blank, each of one colour",
            where=str(training[int(blank.argmax())].path),
            fix="look at this one, and use images with visible content",
        )


def _check_colour(training: Sequence[Look]) -> None:
    most = sorted(one.brightest for one in training)
    aside = ceil(len(most) * ASIDE) if len(most) > 2 else 0
    if most and (brightest := most[-1 - aside]) < DARKEST_COLOUR:
        raise ProblemError(
            "16-bit colour is cut to its upper 8 bits, and in nearly all training images they are"
            f" at most {brightest:g} of 255",
            where=str(training[0].path),
            fix="stretch the images to the full range, or convert them to 8 bits",
        )


def _check_range(training: Sequence[Look], span: tuple[float, float]) -> None:
    """For deep images: raises ProblemError if a few values widen the range for nearly all others.

    Images of different brightness, or all of low contrast, pass: only the width of the full range
    relative to that of most images together counts.
    """
    least = min(training, key=lambda one: one.low)
    most = max(training, key=lambda one: one.high)
    own = np.array([one.without_marks or (one.low[0], one.high[0]) for one in training])
    aside = ceil(len(own) * ASIDE) if len(own) > 2 else 0
    low, high = np.sort(own[:, 0])[aside], np.sort(own[:, 1])[-1 - aside]
    if span[1] - span[0] > CROWDED * (high - low):
        raise ProblemError(
            f"nearly all training images lie between {low:g} and {high:g}, but a few values widen"
            f" the range to {span[0]:g}…{span[1]:g}, which leaves the others fewer than {CROWDED}"
            f" of 255 levels; the minimum is {least.low[0]:g} ({least.path}), the maximum"
            f" {most.high[0]:g} ({most.path})",
            fix="repair or remove these images; set missing pixels to a value near the others",
        )
