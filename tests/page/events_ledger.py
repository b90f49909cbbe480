"""Campaigns of arms that grow, route domains of classes, or add an expert, with known events."""

from pathlib import Path
from typing import Any

from arm_maker import draw
from ledger_maker import INPUTS, Maker, epoch

from nas.schema import Metric, Outcome, Recipe, Space, Status, TrainingEvent, Variant


def space(procedure: str, *arms: str) -> Space:
    return Space(
        name="events",
        template="pce",
        arms={
            arm: (Variant(label=arm, settings={"experts": 2 ** (n + 1)}),)
            for n, arm in enumerate(arms)
        },
        reference=arms[0],
        recipe=Recipe(epochs=4, procedure=procedure),
        replicates=2,
    )


GROWTH = space("growth", "eager", "calm", "still", "broken")
DOMAINS = space("domain_experts", "lost", "found")
HOT_PLUG = space("hot_plug", "guarded", "unguarded")
HIT = 40
"""Images of each domain of 50 that its expert classifies correctly."""


def train(
    maker: Maker,
    label: str,
    seed: int,
    *,
    val: float = 0.6,
    events: tuple[TrainingEvent, ...] = (),
    experts: tuple[int, ...] = (2, 2, 2, 2),
) -> None:
    """A run of four epochs, with the number of experts of each."""
    leased = draw(maker, label, label, seed=seed)
    attempt = maker.start(leased)
    for number, count in enumerate(experts, start=1):
        shares = (1.0,) if count == 1 else (0.99, *(0.01 / (count - 1),) * (count - 1))
        done = epoch(number, val * number / 4).with_(
            events=tuple(event for event in events if event.step == number),
            metrics=(
                Metric(name="expert_shares", split="val", layer="moe", value=shares),
                Metric(name="marginal_entropy", split="val", layer="moe", value=0.1),
            ),
        )
        maker.store.epoch(attempt, done)
    outcome = Outcome(
        status=Status.OK, epochs=4, val_acc=val, val_loss=1.0, val_images=100, inputs=INPUTS
    )
    assert maker.store.finish(leased, attempt, outcome, final=True)


def event(kind: str, number: int, reason: str = "", **data: Any) -> TrainingEvent:
    """One of an epoch."""
    return TrainingEvent(step=number, kind=kind, reason=reason, data=data)


def grown(number: int, experts: int) -> TrainingEvent:
    return event("growth", number, "<b>plateau</b>", expert=0, experts=experts, val_acc=0.3)


def growing(path: Path) -> Maker:
    """`eager` grew in each epoch but the last, `calm` once, `still` never in its only run, and
    `broken` failed."""
    maker = Maker(path, space=GROWTH, dataset="digits")
    eager = tuple(grown(n, n + 2) for n in (1, 2, 3))
    for seed in (0, 1):
        train(maker, "eager", seed, events=eager, experts=(2, 3, 4, 5))
        train(maker, "calm", seed, events=(grown(2, 3),), experts=(2, 2, 3, 3))
    train(maker, "still", 0, experts=(1, 1, 1, 1))
    maker.finish(draw(maker, "broken", "broken"), Outcome(status=Status.OOM, stage="train"))
    return maker


def phase(name: str, number: int, sent: list[list[int]], hits: int = HIT) -> TrainingEvent:
    """Two domains of 50 images; `hits` of each that its expert classifies correctly, all of those
    that are sent to it first; the other expert is never right."""
    right = [sent[0][0], sent[1][1]]
    found = sum(min(hits, each) for each in right)
    return event(
        "phase", number, f"phase {name} ended",
        phase=name, images=100, right=sum(right), right_hits=found, wrong_hits=0,
        domain_hits=2 * hits, any_hits=2 * hits, sent=sent, hits=[[hits, 0], [0, hits]],
        of_domain=[50, 50], gradient_cosine=None,
    )  # fmt: skip


def routing_domains(path: Path) -> Maker:
    """After the last phase the router of `lost` sends 10 and 30 of 50 images to their experts,
    that of `found` all."""
    maker = Maker(path, space=DOMAINS, dataset="digits")
    first = phase("experts", 2, [[50, 0], [50, 0]])
    for label, sent in (("lost", [[10, 40], [20, 30]]), ("found", [[50, 0], [0, 50]])):
        for seed in (0, 1):
            train(maker, label, seed, events=(first, phase("router", 4, sent)))
    return maker


def plugging(path: Path, *, seeds: tuple[int, ...] = (0, 1)) -> Maker:
    """`guarded` experts stay the same, `unguarded` ones lose 20 points, 30 or
    40."""
    maker = Maker(path, space=HOT_PLUG, dataset="digits")
    for label in ("guarded", "unguarded"):
        for seed in seeds:
            same = label == "guarded"
            after = 0.9 if same else 0.7 - 0.1 * seed
            data = {"tensors": 8, "changed": 0 if same else 2, "equal": same}
            plugged = event("plugged", 3, label, **data, before=0.9, after=after)
            train(maker, label, seed, events=(plugged,))
    return maker
