"""The figures of the instrument `routing`: the metrics of `nas/moe/metrics`."""

from typing import ClassVar

from nas.diagnose.legends.base import Figure, Legend, Unit


class RoutingLegend(Legend):
    """Of one layer's decisions about a split; a token is an image, or a part of one where a layer
    routes parts."""

    figures: ClassVar = (
        Figure(
            "{split}.{layer}.expert_shares",
            "share of the work, by expert, {layer}, {split}",
            Unit.SHARE,
            "Each expert's share of the tokens that were sent to experts and kept; of the gate"
            " weights, in a layer where every expert sees every token.",
        ),
        Figure(
            "{split}.{layer}.entropy_norm",
            "evenness of the work, {layer}, {split}",
            Unit.NUMBER,
            "H(q) / ln E, q the experts' shares of the work: 1 when equal, 0 when one has all.",
        ),
        Figure(
            "{split}.{layer}.imbalance",
            "most work over least work, {layer}, {split}",
            Unit.NUMBER,
            "max q / min q: 1 when equal; left out where an expert has no work.",
        ),
        Figure(
            "{split}.{layer}.spec_entropy",
            "indecision of the router, {layer}, {split}",
            Unit.NUMBER,
            "Mean over tokens of H(p) / ln E, p a token's gate probabilities: 0 decided, 1"
            " undecided.",
        ),
        Figure(
            "{split}.{layer}.gate_entropy",
            "indecision of the router in nats, {layer}, {split}",
            Unit.NATS,
            "Mean over tokens of H(p): 0 when sure, ln E when undecided.",
        ),
        Figure(
            "{split}.{layer}.marginal_entropy",
            "entropy of the mean choice, {layer}, {split}",
            Unit.NATS,
            "H of the mean of p over tokens: ln E when experts are equally probable. Its difference"
            " to `gate_entropy` is the mutual information of token and expert.",
        ),
        Figure(
            "{split}.{layer}.dead",
            "experts without work, {layer}, {split}",
            Unit.COUNT,
            "Experts with less than a millionth of the kept tokens.",
        ),
        Figure(
            "{split}.{layer}.active",
            "experts with work, {layer}, {split}",
            Unit.COUNT,
            "Experts that are not dead.",
        ),
        Figure(
            "{split}.{layer}.drop_rate",
            "choices that found no room, {layer}, {split}",
            Unit.SHARE,
            "The share of choices that were dropped for lack of capacity.",
        ),
        Figure(
            "{split}.{layer}.cap_ratio",
            "places that were used, {layer}, {split}",
            Unit.SHARE,
            "Kept tokens over the places that experts were run on.",
        ),
    )
    headlines: ClassVar = (
        *("test.{layer}.expert_shares", "test.{layer}.entropy_norm", "test.{layer}.imbalance"),
        *("test.{layer}.spec_entropy", "test.{layer}.dead", "test.{layer}.drop_rate"),
    )
