"""The figures of the instrument `latency`."""

from typing import ClassVar

from nas.diagnose.legends.base import Figure, Form, Legend, Unit


class LatencyLegend(Legend):
    """Times of one forward pass."""

    figures: ClassVar = (
        Figure(
            "threads",
            "threads of the process",
            Unit.COUNT,
            "Threads that the process computes with; on a CPU one, as in training.",
        ),
        Figure(
            "batch_{batch}.median_ms",
            "median time, batch of {batch}",
            Unit.MILLISECONDS,
            "The median of repeated passes of the whole model; of a sparse mixture, only of the"
            " experts that are chosen.",
        ),
        Figure(
            "batch_{batch}.quartiles_ms",
            "time, batch of {batch}: quartiles",
            Unit.MILLISECONDS,
            "Lower quartile, median and upper quartile of these times.",
            Form.QUARTILES,
        ),
        Figure(
            "batch_{batch}.images_per_s",
            "speed, batch of {batch}",
            Unit.RATE,
            "The number of images over the median time.",
        ),
        Figure(
            "batch_{batch}.{part}.quartiles_ms",
            "time of {part}, batch of {batch}: quartiles",
            Unit.MILLISECONDS,
            "The same of a part: `dense`, every expert on every image; `gate` or `gate_LAYER`, a"
            " router; `expert_I`, the mixture's expert I from 0; `experts_LAYER`, a layer's experts"
            " together, and `expert_LAYER_I`, one of them on what it has of theirs: its places, or"
            " all tokens.",
            Form.QUARTILES,
        ),
    )
    headlines: ClassVar = ("batch_{batch}.quartiles_ms", "batch_512.images_per_s", "other_work")
    source: ClassVar = (
        "Repeated until the median's 95 % interval, ± 1.57 · IQR / √n (McGill, Tukey and Larsen"
        " 1978), is within 2 %, or for 10 seconds."
    )
