"""The figures of the instrument `oracle`."""

from typing import ClassVar

from nas.diagnose.legends.base import Figure, Form, Legend, Unit


class OracleLegend(Legend):
    """Shares of images. Those from `known_acc` on are of the images whose class has an expert."""

    figures: ClassVar = (
        Figure(
            "{split}.acc",
            "accuracy of the model, {split}",
            Unit.SHARE,
            "The share of images that the model classifies correctly.",
        ),
        Figure(
            "{split}.oracle",
            "oracle: any expert right, {split}",
            Unit.SHARE,
            "The share of images that at least one expert classifies correctly by its own logits.",
        ),
        Figure(
            "{split}.gap",
            "lost: some expert right, model wrong, {split}",
            Unit.DIFFERENCE,
            "The share of images that some expert classifies correctly and the model does not;"
            " `oracle` − `acc` = `gap` − `mixture_only`.",
        ),
        Figure(
            "{split}.gap_interval",
            "95 % interval of what is lost, {split}",
            Unit.DIFFERENCE,
            "The 95 % Wilson interval of `gap`.",
            Form.INTERVAL,
        ),
        Figure(
            "{split}.mixture_only",
            "model right, no expert right, {split}",
            Unit.SHARE,
            "The share of images that the model classifies correctly though no expert alone does,"
            " as a weighted mean of logits can.",
        ),
        Figure(
            "{split}.known",
            "images whose class has an expert, {split}",
            Unit.SHARE,
            "The share of images whose class is meant for an expert (buffer `class_domain`).",
        ),
        Figure(
            "{split}.known_acc",
            "accuracy where the class has an expert, {split}",
            Unit.SHARE,
            "The model's accuracy on the images of `known`; `acc`, where `known` is 1.",
        ),
        Figure(
            "{split}.domain_oracle",
            "accuracy if each image went to its class's expert, {split}",
            Unit.SHARE,
            "The share of images that the expert classifies correctly that is meant for them.",
        ),
        Figure(
            "{split}.domain_gap",
            "model's distance to its classes' experts, {split}",
            Unit.DIFFERENCE,
            "`domain_oracle` − `known_acc`: negative where mixing beats the expert that is meant.",
        ),
        Figure(
            "{split}.domain_gap_interval",
            "95 % interval of that distance, {split}",
            Unit.DIFFERENCE,
            "The 95 % t interval of the mean of paired differences, for at least 3 images. It has"
            " width 0 where both classify the same images correctly.",
            Form.INTERVAL,
        ),
        Figure(
            "{split}.top1_acc",
            "accuracy of the expert ranked first, {split}",
            Unit.SHARE,
            "The share of images that the expert classifies correctly that the router ranks first:"
            " `routed_right` · `acc_right` + (1 − `routed_right`) · `acc_wrong`.",
        ),
        Figure(
            "{split}.routed_right",
            "images sent to their class's expert, {split}",
            Unit.SHARE,
            "The share of images whose own expert the router ranks first.",
        ),
        Figure(
            "{split}.acc_right",
            "accuracy of the expert ranked first, where it is the right one, {split}",
            Unit.SHARE,
            "That accuracy on the images whose own expert is ranked first.",
        ),
        Figure(
            "{split}.acc_wrong",
            "accuracy of the expert ranked first, where it is another, {split}",
            Unit.SHARE,
            "That accuracy on the images whose own expert is not ranked first.",
        ),
        Figure(
            "{split}.matrix_{domain}",
            "where the images of domain {domain} go, by expert, {split}",
            Unit.SHARE,
            "Of the domain's images, those for which the router ranks each expert first.",
        ),
        Figure(
            "{split}.specialisation_{expert}",
            "accuracy of expert {expert}, by domain, {split}",
            Unit.SHARE,
            "The expert's accuracy on each domain that has a `matrix`, in their order.",
        ),
        Figure(
            "{split}.specialisation",
            "experts better on their own domain by, {split}",
            Unit.DIFFERENCE,
            "An expert's accuracy on its own domain minus the mean of its accuracies on the others,"
            " as a mean over experts: positive if experts know their own best.",
        ),
    )
    headlines: ClassVar = (
        *("test.acc", "test.oracle", "test.gap", "test.gap_interval"),
        *("test.domain_gap", "test.routed_right"),
    )
    source: ClassVar = (
        "Wilson 1927, doi 10.1080/01621459.1927.10502953, for shares. A figure that would be"
        " divided by 0 is left out. Intervals are for the chance in which images a split has, with"
        " the model as it is. Images that decided what was trained, such as those of `val`, make"
        " `acc` too high."
    )
