"""Looking at every image file before anything is made of it. Torch-free."""

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
"""Share of an image's darkest and of its brightest pixels that the range of values leaves out: one
pixel at least, but in an image of no more than a few."""
CROWDED, ASIDE = 16, 0.1
"""Refused: a range of values so many times that of all training images but a share at either end,
so that fewer than 16 of 255 levels are left to them."""
BLANK_SHARE, BLANK_LEVELS = 0.9, 2
"""Refused: so many training images that have one colour each, or that are all within so many of 255
levels of one and the same."""
SHARES_USED = 0.25
"""Floating point between 0 and 1 that uses so much of it stays as it is."""
SHALLOW = frozenset((BYTES, COLOUR))
"""Depths whose white is 255 once they are read, so that they go together."""
DARKEST_COLOUR = 64
"""16-bit colour that never comes to a quarter of its range, in all training images but a share
ASIDE, has lost too much to be used."""

Pixel = TypeVar("Pixel", np.float32, np.uint8)


@dataclass(frozen=True, slots=True)
class Look:
    """What one file holds."""

    path: Path
    depth: str
    """See nas.data.preprocess."""
    low: tuple[float, ...]
    """The least value of each band; of a deep image's one, without outliers."""
    high: tuple[float, ...]
    frames: int
    brightest: int = 255
    """Of 16-bit colour: of its pixels that show, without outliers; of 255."""
    without_marks: tuple[float, float] | None = None
    """As `low` and `high` of a deep image, less a value far from all others that stands for no
    data; None where there is none."""


def look(path: Path) -> Look:
    """Decodes one file whole; ProblemError, which names it, for one that cannot be used."""
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
    """The least and the greatest value without outliers, `(1,)` each."""
    out = ceil(len(values) * OUTLIERS) if len(values) > FEW_PIXELS else 0
    ends = np.partition(values, (out, -1 - out))[[out, -1 - out]]
    return ends[:1], ends[1:]


def _without_marks(
    values: NDArray[np.float32], low: float, high: float
) -> tuple[float, float] | None:
    """The ends of an image's values less its least one, or its greatest, where that alone spans
    nearly all of them. An image of two values has no mark."""
    end = (high - low) / CROWDED
    between = np.count_nonzero((values > low + end) & (values < high - end))
    if between > 2 * ceil(len(values) * OUTLIERS):  # no mark is far from these
        return None
    for rest in (values[values > low], values[values < high]):
        if len(rest) > FEW_PIXELS:
            least, most = (float(end[0]) for end in _ends(rest))
            if 0 < most - least < end:
                return least, most
    return None


def look_at_all(paths: Sequence[Path], tell: Tell = lambda done, total: None) -> list[Look]:
    """Looks at every file. Raises ProblemError with the first SHOWN of the bad ones, or where the
    files have not one depth."""
    looks = sound(each(look, paths, tell))
    count = Counter(one.depth for one in looks)
    if len(count) > 1 and not count.keys() <= SHALLOW:
        first = {one.depth: one.path for one in reversed(looks)}
        raise ProblemError(
            "images of different depths, which no one scale fits: "
            + "; ".join(f"{n} of {depth} ({first[depth]})" for depth, n in count.most_common()),
            fix="convert all to one depth",
        )
    return looks


def value_range(training: Sequence[Look]) -> tuple[float, float] | None:
    """What a deep data set's values are mapped from, to 0…1; None where images have 8 bits.

    The least and the greatest value of the training images, each less its OUTLIERS; 0 and 1 for
    floating point that lies between them and uses SHARES_USED. Raises ProblemError where that is
    nothing.
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
        raise ProblemError(f"all training images hold one value alone, {low:g}")
    return low, high


def range_of(training: Sequence[Path]) -> tuple[float, float] | None:
    """`value_range` of files; those of shallow images are not looked at beyond the first."""
    if not training or look(training[0]).depth in SHALLOW:
        return None
    return value_range(look_at_all(training))


def check_pixels(training: Sequence[Look]) -> None:
    """Raises ProblemError where nearly all training images are blank, or lost in the values that
    they are scaled from."""
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
            fix="look at this one, and give images that show something",
        )


def _check_colour(training: Sequence[Look]) -> None:
    most = sorted(one.brightest for one in training)
    aside = ceil(len(most) * ASIDE) if len(most) > 2 else 0
    if most and (brightest := most[-1 - aside]) < DARKEST_COLOUR:
        raise ProblemError(
            "16-bit colour is cut to its upper 8 bits, and in nearly all training images they come"
            f" to no more than {brightest:g} of 255",
            where=str(training[0].path),
            fix="stretch the images to the whole range, or convert them to 8 bits",
        )


def _check_range(training: Sequence[Look], span: tuple[float, float]) -> None:
    """Of deep images: whether a few values have taken the range from nearly all others.

    Images that differ in brightness from one another, or have little contrast all alike, pass: what
    counts is how wide the range is beside that of most of them together.
    """
    least = min(training, key=lambda one: one.low)
    most = max(training, key=lambda one: one.high)
    own = np.array([one.without_marks or (one.low[0], one.high[0]) for one in training])
    aside = ceil(len(own) * ASIDE) if len(own) > 2 else 0
    low, high = np.sort(own[:, 0])[aside], np.sort(own[:, 1])[-1 - aside]
    if span[1] - span[0] > CROWDED * (high - low):
        raise ProblemError(
            f"nearly all training images lie between {low:g} and {high:g}, and a few values widen"
            f" the range to {span[0]:g}…{span[1]:g}, which leaves the others fewer than {CROWDED}"
            f" of 255 levels; the least is {least.low[0]:g} ({least.path}), the greatest"
            f" {most.high[0]:g} ({most.path})",
            fix="mend or remove these images; give pixels without data a value near the others'",
        )
