"""The figures of the instrument `drift`."""

from typing import ClassVar

from nas.diagnose.legends.base import Figure, Legend, Unit


class DriftLegend(Legend):
    """`guarded` is frozen by `nas.train.freeze.train_only`, as nas trains; `unguarded` by
    `requires_grad_(False)` alone."""

    figures: ClassVar = (
        Figure(
            "tensors",
            "tensors of the frozen parts",
            Unit.COUNT,
            "Parameters and buffers of the parts that are not trained.",
        ),
        Figure(
            "buffers",
            "buffers among them",
            Unit.COUNT,
            "Those that training may move without a gradient, such as BatchNorm's statistics.",
        ),
        Figure(
            "{way}.changed",
            "frozen tensors that training moved, {way}",
            Unit.COUNT,
            "How many of the frozen parts' tensors are not as they were, bit for bit. If it is not"
            " 0 for `guarded`, a module changes buffers that freezing its parts does not hold.",
        ),
        Figure(
            "{way}.largest",
            "largest move of a BatchNorm mean, {way}",
            Unit.DEVIATIONS,
            "The largest change of a frozen channel's running mean, over the running standard"
            " deviation √(var + eps) that it had; 0 without BatchNorm.",
        ),
        Figure(
            "{way}.points",
            "change of the model's validation accuracy, {way}",
            Unit.POINTS,
            "The accuracy after the steps minus that before, with the trained part put back.",
        ),
        Figure(
            "{way}.expert_points",
            "change of each expert's validation accuracy, {way}",
            Unit.POINTS,
            "The change of each expert's validation accuracy by its own logits, where it has such.",
        ),
    )
    headlines: ClassVar = (
        *("buffers", "guarded.changed", "unguarded.changed"),
        *("unguarded.largest", "unguarded.points"),
    )
