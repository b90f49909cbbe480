"""How differently a trained network's experts err."""

from itertools import combinations

import torch
from torch import Tensor

from nas.data.batches import Split
from nas.diagnose.instruments.base import Figures, Instrument, NotApplicable, Subject
from nas.moe import RoutedModel, as_routed


class ExpertDiversity(Instrument):
    """How differently the experts err, by their own logits, as means over all pairs of experts
    (Kuncheva and Whitaker 2003), as `SPLIT.MEASURE` for `val` and `test`.
    """

    def examine(self, subject: Subject) -> Figures | NotApplicable:
        routed = as_routed(subject.model)
        if routed is None:
            return NotApplicable("the model does not route")
        found: dict[str, float | tuple[float, ...]] = {}
        for name, split in (("val", subject.data.val), ("test", subject.data.test)):
            right = _right(routed, split, subject)
            if right is None:
                return NotApplicable("its experts have no logits of their own")
            if right.shape[1] < 2:
                return NotApplicable("it has one expert")
            found |= {f"{name}.{measure}": value for measure, value in diversity(right).items()}
        return found


def diversity(right: Tensor) -> dict[str, float]:
    """The measures of a table (N, E): whether each expert classified each image correctly."""
    values: dict[str, list[float]] = {"q_statistic": [], "double_fault": [], "disagreement": []}
    for i, j in combinations(range(right.shape[1]), 2):
        one, other = right[:, i], right[:, j]
        a, d = int((one & other).sum()), int((~one & ~other).sum())
        b, c = int((one & ~other).sum()), int((~one & other).sum())
        if a * d + b * c:
            values["q_statistic"].append((a * d - b * c) / (a * d + b * c))
        values["double_fault"].append(d / len(right))
        values["disagreement"].append((b + c) / len(right))
    return {name: sum(each) / len(each) for name, each in values.items() if each}


def _right(routed: RoutedModel, split: Split, subject: Subject) -> Tensor | None:
    """Whether each expert classifies each image correctly, (N, E) on the CPU."""
    found = []
    with torch.inference_mode(), subject.compute.autocast():
        for x, labels in split.batches(subject.batch_size):
            logits = routed(subject.compute.images(x)).expert_logits
            if logits is None:
                return None
            found.append((logits.argmax(dim=2) == labels.unsqueeze(1)).cpu())
    return torch.cat(found)
