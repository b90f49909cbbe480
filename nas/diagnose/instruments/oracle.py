"""How far a trained mixture is from always choosing the right expert."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nas.data.batches import Split
from nas.diagnose.instruments.base import Figures, Instrument, NotApplicable, Subject
from nas.moe import RoutedModel, as_routed
from nas.stats.comparison import FEWEST, paired_difference
from nas.stats.proportions import wilson

Found = dict[str, float | tuple[float, ...]]


class OracleGap(Instrument):
    """What a mixture loses by not choosing a right expert, as `SPLIT.FIGURE` for `val` and `test`.

    A model may have a buffer `class_domain`, the expert that is meant for each class (see
    `nas.moe.RoutedModel`). Then there are further figures, of the images whose class has one.

    A figure that would be divided by 0 is left out. Intervals are for the chance in which images a
    split has, with the model as it is. The model never gets the labels, but images that decided
    what was trained, such as those of `val`, make `acc` too high.
    """

    def examine(self, subject: Subject) -> Figures | NotApplicable:
        routed = as_routed(subject.model)
        if routed is None:
            return NotApplicable("the model does not route")
        found: Found = {}
        for name, split in (("val", subject.data.val), ("test", subject.data.test)):
            given = answers(subject, routed, split)
            if given is None:
                return NotApplicable("its experts have no logits of their own")
            figures = of_oracle(given)
            if routed.class_domain is not None:
                figures |= of_domains(given, routed.class_domain.cpu())
            found |= {f"{name}.{figure}": value for figure, value in figures.items()}
        return found


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answered to N images; int64, on the CPU."""

    labels: Tensor
    """`(N,)`: the true classes."""
    model: Tensor
    """`(N,)`: the model's classes."""
    experts: Tensor
    """`(N, E)`: the experts' classes."""
    first: Tensor
    """`(N,)`: the expert that the router ranks first; of equals the first, as in `_dispatch`."""


def answers(subject: Subject, routed: RoutedModel, split: Split) -> Answers | None:
    """The answers to a split; None where experts have no logits."""
    found: list[tuple[Tensor, ...]] = []
    with torch.inference_mode(), subject.compute.autocast():
        for x, labels in split.batches(subject.batch_size):
            images = subject.compute.images(x)
            out = routed(images)
            if out.expert_logits is None:
                return None
            [layer] = out.layers
            first = layer.probs.sort(dim=1, descending=True, stable=True).indices[:, 0]
            model = subject.model(images).argmax(dim=1)
            batch = (labels, model, out.expert_logits.argmax(dim=2), first)
            found.append(tuple(each.cpu() for each in batch))
    return Answers(*map(torch.cat, zip(*found, strict=True)))


def of_oracle(given: Answers) -> Found:
    """The figures that need no domains."""
    count = len(given.labels)
    model = given.model == given.labels
    expert = (given.experts == given.labels[:, None]).any(dim=1)
    missed = int((expert & ~model).sum())
    low, high = wilson(np.array([missed], dtype=float), np.array([count], dtype=float))
    return {
        "acc": int(model.sum()) / count,
        "oracle": int(expert.sum()) / count,
        "gap": missed / count,
        "gap_interval": (float(low[0]), float(high[0])),
        "mixture_only": int((model & ~expert).sum()) / count,
    }


def of_domains(given: Answers, class_domain: Tensor) -> Found:
    """The figures of the images whose class has a domain; `class_domain` int64 `(C,)`.

    Raises ValueError for a domain without an expert.
    """
    experts = given.experts.shape[1]
    if int(class_domain.max()) >= experts:
        raise ValueError(f"class_domain has the domain {int(class_domain.max())} of {experts}")
    domain = class_domain[given.labels]
    known = domain >= 0
    count = int(known.sum())
    found: Found = {"known": count / len(known)}
    if not count:
        return found
    domain, first = domain[known], given.first[known]
    model = (given.model == given.labels)[known]
    right = (given.experts == given.labels[:, None])[known]  # (N, E)
    meant = right.gather(1, domain[:, None]).squeeze(1)
    ranked = right.gather(1, first[:, None]).squeeze(1)
    found["known_acc"] = int(model.sum()) / count
    found["domain_oracle"] = int(meant.sum()) / count
    found["domain_gap"] = (int(meant.sum()) - int(model.sum())) / count
    if count >= FEWEST:
        paired = paired_difference(meant.double().numpy(), model.double().numpy())
        found["domain_gap_interval"] = (paired.low, paired.high)
    agrees = first == domain
    found["top1_acc"] = int(ranked.sum()) / count
    found["routed_right"] = int(agrees.sum()) / count
    for name, some in (("acc_right", agrees), ("acc_wrong", ~agrees)):
        if some.any():
            found[name] = int(ranked[some].sum()) / int(some.sum())
    present = sorted(set(domain.tolist()))
    for d in present:
        sent = first[domain == d].bincount(minlength=experts)
        found[f"matrix_{d}"] = tuple(int(n) / int(sent.sum()) for n in sent)
    accs = {d: _shares(right[domain == d]) for d in present}
    for e in range(experts):
        found[f"specialisation_{e}"] = tuple(accs[d][e] for d in present)
    if margins := list(_margins(accs)):
        found["specialisation"] = sum(margins) / len(margins)
    return found


def _shares(right: Tensor) -> list[float]:
    """Of a table (N, E), each expert's accuracy."""
    return [int(n) / len(right) for n in right.sum(dim=0)]


def _margins(accs: dict[int, list[float]]) -> Iterator[float]:
    """Of the experts' accuracies by domain: each expert's on its own domain, less the mean of those
    on the others. None where there is one domain."""
    for own, here in accs.items():
        others = [each[own] for d, each in accs.items() if d != own]
        if others:
            yield here[own] - sum(others) / len(others)
