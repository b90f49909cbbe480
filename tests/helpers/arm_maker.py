"""Candidates of arms, and their repetitions, in a made ledger."""

from collections.abc import Sequence

from ledger_maker import CODE, COST, INPUTS, Maker, epoch

from nas.ledger import LeasedCandidate, NewCandidate
from nas.render import template_hash
from nas.schema import (
    Assignment,
    Candidate,
    Epoch,
    ExpertChoice,
    Metric,
    Outcome,
    Role,
    Scalar,
    Status,
    Task,
)


def draw(
    maker: Maker,
    arm: str,
    label: str,
    *,
    seed: int = 0,
    role: Role = Role.REPLICATE,
    **choices: Scalar,
) -> LeasedCandidate:
    """The search's candidate of a variant, or with another seed than 0 one of the role."""
    point = Assignment((ExpertChoice(arm, label),), tuple(choices.items()))
    digest = template_hash(maker.space.template)
    candidate = Candidate.of(maker.space, point, Task(), digest, replicate=seed)
    drawn = NewCandidate(candidate=candidate, code=CODE, cost=COST)
    leased = maker.store.add(role, drawn) if seed else maker.store.draw(lambda _: drawn)
    assert leased is not None
    return leased


def run(
    maker: Maker,
    label: str,
    val: float | None,
    *,
    seed: int = 0,
    role: Role = Role.REPLICATE,
    status: Status = Status.NAN,
    metrics: tuple[Metric, ...] = (),
    first: float | None = None,
    resumed: int | None = None,
    **choices: Scalar,
) -> int:
    """One candidate of an arm, or its repetition, and its last attempt; without a value it ends
    with the status. `metrics`: of its last epoch, instead of those of `ledger_maker.epoch`;
    `first`: the validation accuracy of its first of two epochs, if another than that of the last.
    `resumed`: it was interrupted in its second epoch, or after it, and resumed with this number of
    epochs left: 1 or 0. The second epoch is then trained again with other figures."""
    leased = draw(maker, label.partition("(")[0], label, seed=seed, role=role, **choices)
    outcome = Outcome(status=status, epochs=1)
    if val is not None:
        outcome = Outcome(
            status=Status.OK,
            epochs=2,
            val_acc=val,
            test_acc=val - 0.1,
            val_loss=1.2,
            val_images=100,
            test_images=100,
            seconds=10.0 * (seed + 1),
            params=1000,
            inputs=INPUTS,
        )
    attempt = maker.start(leased)
    if val is not None:
        start = epoch(1, val if first is None else first)
        last = epoch(2, val).with_(train_loss=0.5 + val, images_per_second=300.0)
        epochs = [start, last.with_(metrics=metrics) if metrics else last]
        if resumed is not None:
            again = epoch(2, 1.0).with_(images_per_second=900.0)
            for done in [start, again] if resumed else epochs:
                maker.store.epoch(attempt, done)
            attempt = maker.start(leased, resumed_from=attempt)
            epochs = epochs[2 - resumed :]
        for done in epochs:
            maker.store.epoch(attempt, done)
    assert maker.store.finish(leased, attempt, outcome, final=True)
    return attempt


def train(maker: Maker, label: str, *attempts: Sequence[Epoch], seed: int = 0) -> None:
    """A candidate of an arm, or its repetition, that was trained to its end with these epochs; all
    attempts but the last were interrupted. It is as accurate as its last epoch."""
    leased = draw(maker, label.partition("(")[0], label, seed=seed)
    attempt = None
    for epochs in attempts:
        attempt = maker.start(leased, resumed_from=attempt)
        for done in epochs:
            maker.store.epoch(attempt, done)
    assert attempt is not None
    outcome = Outcome(
        status=Status.OK,
        epochs=attempts[-1][-1].epoch,
        val_acc=attempts[-1][-1].val_acc,
        val_loss=1.2,
        val_images=100,
        test_images=100,
        seconds=10.0,
        params=1000,
        inputs=INPUTS,
    )
    assert maker.store.finish(leased, attempt, outcome, final=True)
