"""The figures of the instrument `diversity`."""

from typing import ClassVar

from nas.diagnose.legends.base import Figure, Legend, Unit


class DiversityLegend(Legend):
    """Means over all pairs of experts."""

    figures: ClassVar = (
        Figure(
            "{split}.q_statistic",
            "Q statistic of experts' errors, {split}",
            Unit.NUMBER,
            "(ad − bc) / (ad + bc): 1 for experts that err on the same images, 0 for independent"
            " ones, negative for those that err on different ones; a pair with 0/0 is left out.",
        ),
        Figure(
            "{split}.double_fault",
            "images that both experts of a pair get wrong, {split}",
            Unit.SHARE,
            "d: double fault, the share of images that both classify wrongly.",
        ),
        Figure(
            "{split}.disagreement",
            "images that one expert of a pair gets right, {split}",
            Unit.SHARE,
            "b + c: disagreement, the share of images that exactly one of them classifies"
            " correctly.",
        ),
    )
    headlines: ClassVar = ("test.q_statistic", "test.double_fault", "test.disagreement")
    source: ClassVar = (
        "Kuncheva and Whitaker 2003, doi 10.1023/A:1022859003006. Of a pair, a and d are the shares"
        " of images that both classify correctly and wrongly, b and c those that one alone does."
    )
