"""How a trained network routes images that it was not trained on."""

from nas.diagnose.instruments.base import Figures, Instrument, NotApplicable, Subject
from nas.moe import all_metrics, as_routed
from nas.train import score


class RoutingMetrics(Instrument):
    """Every metric of routing (`nas/moe/metrics`), as
    `SPLIT.LAYER.METRIC`: SPLIT is `val` or `test`, LAYER the layer's name, `gate` for a mixture.
    `expert_shares` has one number for each expert of the layer. A metric that has no meaning for a
    layer is left out.

    On the device of training the figures of `val` are those of the last epoch's validation.
    """

    def examine(self, subject: Subject) -> Figures | NotApplicable:
        if as_routed(subject.model) is None:
            return NotApplicable("the model does not route")
        found: dict[str, float | tuple[float, ...]] = {}
        for name, split in (("val", subject.data.val), ("test", subject.data.test)):
            scored = score(
                subject.model,
                split,
                subject.batch_size,
                compute=subject.compute,
            )
            for layer, totals in scored.routing.items():
                for metric, of in all_metrics().items():
                    if (value := of(totals)) is not None:
                        found[f"{name}.{layer}.{metric}"] = value
        return found
