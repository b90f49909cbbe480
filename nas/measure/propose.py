"""Finds families for a new space among timm's models."""

import math
import warnings
from collections.abc import Iterable, Iterator

import torch

from nas.measure.counts import meta_cost
from nas.measure.meta import create
from nas.schema import Choice, ExpertAxis, Member, ProblemError, Recipe, Space

_TRIES = 4


def candidates(
    image_size: int,
    max_params: int,
    *,
    channels: int = 3,
    num_classes: int = 10,
    per_family: int = 3,
) -> Iterator[tuple[str, Member, int]]:
    """(family, member, parameters) for every timm module with models of that size.

    A family is a module of timm. It gives up to `per_family` members of different sizes: the
    smallest, the largest within `max_params`, and those between in equal ratios. Each was run on
    the meta device with images of `image_size`, both unchanged and with `img_size=`, whichever
    needs fewer MACs. A real profile may still fail. Building all of timm's models on the meta
    device takes a few minutes. Models that do not build there (with timm before 1.0.22 most
    transformers) are skipped.
    """
    import timm

    for family in timm.list_modules():
        sizes = _sizes(family, max_params, num_classes, channels)
        taken: set[int] = set()
        known: set[tuple[int, int]] = set()  # two names may be the same network at this size
        for target in _targets(list(sizes), per_family):
            near = sorted(sizes.keys() - taken, key=lambda size: abs(math.log(size / target)))
            for size in near[:_TRIES]:
                taken.add(size)
                found = _fitting(sizes[size], image_size, channels, num_classes)
                if found is not None and found[1:] not in known:
                    known.add(found[1:])
                    yield family, *found[:2]
                    break


def proposed_space(
    name: str, image_size: int, members: Iterable[tuple[str, Member]], *, choose: int = 4
) -> Space:
    """A moe4 space of these members. Raises ProblemError for fewer than `choose` families."""
    families: dict[str, tuple[Member, ...]] = {}
    for family, member in members:
        families[family] = (*families.get(family, ()), member)
    if len(families) < choose:
        raise ProblemError(
            f"only {len(families)} families have a member with a valid profile",
            fix="allow more parameters or larger images",
        )
    return Space(
        name=name,
        description=f"timm families that train at {image_size} px.",
        image_size=image_size,
        experts=ExpertAxis(k=choose, families=families),
        choices=(Choice(name="mixing", values=("soft", "top1", "top2")),),
        recipe=Recipe(epochs=30, batch_size=128, augment="standard"),
    )


def _sizes(family: str, max_params: int, num_classes: int, channels: int) -> dict[int, str]:
    """Parameters → model, for a timm module's models up to `max_params`, smallest first.

    Among models of one size, which differ in weights or image size, the shortest name is used.
    """
    import timm

    sizes: dict[int, str] = {}
    for model in sorted(timm.list_models(module=family), key=lambda name: (len(name), name)):
        if model.startswith("test_"):  # timm's test models
            continue
        params = _params(model, num_classes, channels)
        if params is not None and params <= max_params:
            sizes.setdefault(params, model)
    return dict(sorted(sizes.items()))


def _params(model: str, num_classes: int, channels: int) -> int | None:
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        try:
            built = create(Member(model=model), num_classes, channels)
        except Exception:  # timm may raise anything; this model is not proposed
            return None
    return sum(p.numel() for p in built.parameters())


def _targets(sizes: list[int], count: int) -> list[float]:
    """Up to `count` sizes from the smallest to the largest, in equal ratios."""
    if len(sizes) <= count:
        return [float(size) for size in sizes]
    if count == 1:
        return [float(sizes[0])]
    ratio = sizes[-1] / sizes[0]
    return [sizes[0] * ratio ** (step / (count - 1)) for step in range(count)]


def _fitting(
    model: str, image_size: int, channels: int, num_classes: int
) -> tuple[Member, int, int] | None:
    """(member, parameters, MACs) for images of that size; None if the model refuses them."""
    found = []
    for args in ({}, {"img_size": image_size}):
        member = Member(model=model, args=args)
        try:
            params, macs = meta_cost(member, image_size, channels, num_classes)
        except (ProblemError, RuntimeError, MemoryError):  # or it exceeds this machine's memory
            continue
        found.append((member, params, macs))
    if not found:
        return None
    return min(found, key=lambda f: f[2])  # on a tie, the one without arguments
