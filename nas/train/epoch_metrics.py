"""An epoch's figures that have no column of their own."""

from collections.abc import Iterator, Mapping
from typing import Literal

from nas.moe import RoutingTotals, all_metrics
from nas.schema import Metric
from nas.train.scoring import Score


def epoch_metrics(
    losses: Mapping[str, float],
    train: Mapping[str, RoutingTotals],
    val: Mapping[str, RoutingTotals],
    clean: Score | None,
) -> tuple[Metric, ...]:
    """Every metric of routing, by layer, of training and of validation; `loss_NAME`: each
    auxiliary loss, unweighted, mean over layers; `clean_loss` and `clean_acc`: the scored training
    images, if they were."""
    found = [
        Metric(name=f"loss_{name}", split="train", value=value) for name, value in losses.items()
    ]
    if clean is not None:
        found += [
            Metric(name="clean_loss", split="train", value=clean.loss),
            Metric(name="clean_acc", split="train", value=clean.acc),
        ]
    return (*found, *_routing(train, "train"), *_routing(val, "val"))


def _routing(
    layers: Mapping[str, RoutingTotals], split: Literal["train", "val"]
) -> Iterator[Metric]:
    for layer, totals in layers.items():
        for name, metric in all_metrics().items():
            value = metric(totals)
            if value is not None:
                yield Metric(name=name, split=split, layer=layer, value=value)
