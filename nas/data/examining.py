"""Checks a data set before a campaign starts or resumes, and records its files."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nas.data.catalog import find, is_own
from nas.data.manifest import Manifest, name_in, take
from nas.data.preprocess import COLOUR
from nas.data.raw import Pool, Raw
from nas.data.reading import Tell
from nas.data.splits import divide, kept_and_held
from nas.data.survey import Look, check_pixels, look_at_all, value_range
from nas.schema import Task

_SHOWN = 5
_FEW = 200
"""Validation images below which the weight of a single one is mentioned."""


class Examined(NamedTuple):
    """The result of `examine`."""

    manifest: Manifest
    notes: tuple[str, ...]
    """Notes for the user about how the images are read."""


def examine(
    task: Task,
    root: Path,
    *,
    known: Manifest | None = None,
    tell: Tell = lambda done, total: None,
) -> Examined:
    """See `nas.data.examine`."""
    source, where = find(task.dataset, root)
    source.check(where)
    raw = source.listed(where)
    notes = () if raw is None or known else _look(raw, where, task, tell)
    names = () if raw is None else raw.class_names
    manifest = take(source.files(where), where, names, known=known, tell=tell)
    if raw is not None and not known:
        notes += _copies(manifest, raw, where, divide(raw, task.split_seed))
    return Examined(manifest, notes)


def _copies(manifest: Manifest, raw: Raw, where: Path, pools: Sequence[Pool]) -> tuple[str, ...]:
    """Notes on images whose files are equal, in different classes and in different splits."""
    equal = defaultdict(list)
    for split, pool in zip(("train", "validation", "test"), pools, strict=True):
        if isinstance(pool.pixels, tuple):
            for path, label in zip(pool.pixels, pool.labels.tolist(), strict=True):
                equal[manifest.checksum(path, where)].append((path, label, split))
    notes = []
    for place, what, consequence in (
        (1, "class", "a label is wrong"),
        (2, "split", "measured accuracies are too high"),
    ):
        found = [files for files in equal.values() if len({file[place] for file in files}) > 1]
        if found:
            first = found[0][0]
            other = next(file for file in found[0] if file[place] != first[place])
            pair = " and ".join(name_in(one[0], where) for one in (first, other))
            are = "images are" if len(found) > 1 else "image is"
            notes.append(f"{len(found):,} {are} in more than one {what}, so {consequence}: {pair}.")
    return tuple(notes)


def _look(raw: Raw, where: Path, task: Task, tell: Tell) -> tuple[str, ...]:
    pools = divide(raw, task.split_seed)
    held = 0
    if task.hold_out:
        labels = pools[0].labels
        _, out = kept_and_held(labels, task.hold_out, task.split_seed, raw.class_names)
        held = len(out)
    paths = [path for pool in pools if isinstance(pool.pixels, tuple) for path in pool.pixels]
    looks = look_at_all(paths, tell)
    training = looks[: len(pools[0])]
    check_pixels(training)
    own = is_own(task.dataset)
    found = [_found(where.absolute().name, raw, pools, held)] if own else []
    return (*found, *_lacking(raw, pools), *_notes(raw, looks, value_range(training)))


def _found(name: str, raw: Raw, pools: Sequence[Pool], held: int) -> str:
    """The contents of a user's folder and its splits, in one line."""
    train, val, test = map(len, pools)
    found = (
        f"{name}: {train + val + test:,} images in {len(raw.class_names):,} classes:"
        f" {train:,} train, {val:,} validation, {test:,} test."
    )
    if held:
        found += f" Held out from a bank's experts: {held:,} of train."
    if 0 < val < _FEW:
        points = f"{100 / val:.1f}".removesuffix(".0")
        found += f" One validation image is {points} point{'s'[: points != '1']} of accuracy."
    return found


def _lacking(raw: Raw, pools: Sequence[Pool]) -> Iterator[str]:
    """A line for each of validation and test that lacks some class."""
    for part, pool in zip(("validation", "test"), pools[1:], strict=True):
        names = [name for i, name in enumerate(raw.class_names) if not (pool.labels == i).any()]
        if names:
            more = ", …" if len(names) > _SHOWN else ""
            yield f"The {part} split has no image of {', '.join(names[:_SHOWN])}{more}."


def _notes(raw: Raw, looks: list[Look], span: tuple[float, float] | None) -> list[str]:
    notes = []
    depths = Counter(one.depth for one in looks)
    if span is not None:
        [depth] = depths
        notes.append(
            f"The images are {depth}: {span[0]:g} becomes 0 and {span[1]:g} becomes 1, for all."
        )
    if cut := depths[COLOUR]:
        notes.append(f"{cut:,} images have 16-bit colour or alpha: the upper 8 bits are read.")
    if several := sum(1 for one in looks if one.frames > 1):
        notes.append(f"{several:,} images have several frames: the first is read.")
    if raw.passed_over:
        beside = ", ".join(
            f"{n:,} of {suffix or 'no suffix'}" for suffix, n in raw.passed_over[:_SHOWN]
        )
        notes.append(f"Other files, not read as images: {beside}.")
    if raw.loose:
        lie = "images lie" if len(raw.loose) > 1 else "image lies"
        notes.append(f"{len(raw.loose):,} {lie} outside the class folders, unused: {raw.loose[0]}.")
    return notes
