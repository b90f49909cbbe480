"""A campaign of arms that route in two layers, with known shares and entropies."""

from math import log
from pathlib import Path
from typing import Literal

from arm_maker import draw
from ledger_maker import Maker, epoch

from nas.schema import Metric, Outcome, Space, Status, Variant

EXPERTS = (2, 4, 8)
WEIGHTS = (0, 0.2)
SPACE = Space(
    name="routing",
    template="pce",
    arms={
        "dense": (Variant(label="dense", settings={"experts": 1}),),
        "moe": tuple(
            Variant(
                label=f"moe(experts={experts},recipe.losses.z={z})",
                settings={"experts": experts},
                recipe={"losses.z": z},
            )
            for experts in EXPERTS
            for z in WEIGHTS
        ),
    },
    reference="dense",
    replicates=2,
)
LABELS = tuple(variant.label for variant in SPACE.arms["moe"])
WORST = "moe(experts=8,recipe.losses.z=0)"
NAME = "moe(experts=8, z=0)"
"""What figures call it: without the loss an expert of its second layer is dead."""


def shares(experts: int, z: float, layer: str, seed: int) -> tuple[float, ...]:
    """Even ones; in the second layer without the loss one expert has half, and of eight one has
    none. Another seed has them in the other order."""
    if layer == "moe1" or z:
        return (1 / experts,) * experts
    last = 0.0 if experts == 8 else 0.5 / (experts - 1)
    others = (0.5 - last) / (experts - 2) if experts > 2 else 0.0
    found = (0.5, *(others,) * (experts - 2), last)
    return found[::-1] if seed else found


def router_entropy(number: int, split: str, seed: int = 0) -> float:
    """H(p) / ln E in an epoch: falling, and higher with noise."""
    return 0.9 - 0.2 * number + 0.1 * (split == "train") + 0.02 * seed


def routed(experts: int, z: float, number: int, seed: int) -> tuple[Metric, ...]:
    """The metrics of an epoch of one run."""

    def of(split: Literal["train", "val"], layer: str) -> tuple[Metric, ...]:
        q = shares(experts, z, layer, seed)
        entropy = -sum(share * log(share) for share in q if share) / log(experts)
        found: dict[str, float | tuple[float, ...]] = {
            "spec_entropy": router_entropy(number, split, seed),
            "entropy_norm": entropy,
            "dead": float(q.count(0)),
            "expert_shares": q,
            **({"imbalance": max(q) / min(q)} if min(q) else {}),
        }
        return tuple(Metric(name=n, split=split, layer=layer, value=v) for n, v in found.items())

    return (*of("train", "moe1"), *of("train", "moe2"), *of("val", "moe1"), *of("val", "moe2"))


def fill(maker: Maker, *, again: bool = False) -> None:
    """Two runs of each variant: doubling E adds 2 points, the loss takes 5. With `again`, a first
    attempt of each run left other figures of its second epoch behind."""
    for arm, variants in maker.space.arms.items():
        for variant in variants:
            for seed in (0, 1):
                experts, z = int(variant.settings["experts"]), variant.recipe.get("losses.z", 0)
                leased = draw(maker, arm, variant.label, seed=seed)
                attempt = maker.start(leased)
                if again and experts > 1:
                    maker.store.epoch(attempt, epoch(2).with_(metrics=routed(experts, z, 4, seed)))
                    attempt = maker.start(leased, resumed_from=attempt)
                for number in (1, 2):
                    done = epoch(number).with_(metrics=())
                    if experts > 1:
                        done = done.with_(metrics=routed(experts, z, number, seed))
                    maker.store.epoch(attempt, done)
                val = 0.6 + 0.02 * (experts.bit_length() - 1) - (0.05 if z else 0) + 0.004 * seed
                outcome = Outcome(
                    status=Status.OK, epochs=2, val_acc=val, val_loss=1.0, val_images=1000
                )
                assert maker.store.finish(leased, attempt, outcome, final=True)


def campaign(path: Path, *, space: Space = SPACE, again: bool = False) -> Maker:
    maker = Maker(path, space=space, dataset="digits")
    fill(maker, again=again)
    return maker
