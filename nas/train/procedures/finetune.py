"""Trains pretrained networks further: what stands on them first, then all of it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from nas.schema import Axis
from nas.train.loop import Phase
from nas.train.procedures.base import Procedure
from nas.train.trunks import layer_scales, outside


class Finetune(Procedure):
    """Trains what stands on the trunks (`nas.train.trunks`) in the first epochs, with trunks
    frozen; then all, each layer of a trunk at a lower rate than the one behind it (layer-wise
    learning-rate decay, as in arXiv 2106.08254).
    """

    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("layer_decay", 0.75, minimum=0.1, maximum=1.0),
        Axis("head_epochs", 1, minimum=0, maximum=1000),
    )

    def phases(self) -> Sequence[Phase]:
        first = min(int(self.settings["head_epochs"]), self.recipe.epochs)
        head = Phase("head", first, tuple(outside(self.model)))
        whole = Phase("all", self.recipe.epochs - first, (self.model,))
        return [phase for phase in (head, whole) if phase.epochs]

    def rate_scales(self) -> Mapping[int, float]:
        return layer_scales(self.model, float(self.settings["layer_decay"]))
