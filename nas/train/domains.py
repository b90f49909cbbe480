"""Domains of classes in training: each expert's own, and how well a router finds them.

Shapes: B batch, E experts and as many domains, C classes.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import Compute
from nas.data.batches import Data, Split
from nas.data.domains import class_domains
from nas.faults import BuildError
from nas.moe import RoutedModel, RoutedOutput
from nas.schema import Axis, ProblemError

DOMAINS = Axis("domains", "given", values=("given", "even", "features", "confusion"))
"""The setting of a procedure that says how classes are divided: see `nas.data.domains`."""


def set_domains(model: nn.Module, data: Data, kind: Any) -> None:
    """Gives each class its domain, one for each expert. Raises BuildError where there are none.

    The same for every seed of training: replicates differ in nothing but their training.
    """
    experts = len(model.get_submodule("experts"))  # type: ignore[arg-type]
    try:
        domains = class_domains(kind, data, experts, seed=0)
    except ProblemError as error:
        raise BuildError(str(error)) from error
    model.get_buffer("class_domain").copy_(torch.tensor(domains))


def divided(epochs: int, shares: dict[str, float]) -> dict[str, int]:
    """Epochs in these shares, together all of them, at least one each. Raises BuildError where
    there are too few."""
    if epochs < (least := len(shares)):
        raise BuildError(
            f"its {least} phases need at least {least} epochs, and the recipe has {epochs}"
        )
    total, done, before = sum(shares.values()), 0, 0.0
    found = {}
    for left, (name, share) in enumerate(reversed(shares.items())):
        before += share
        wanted = round(epochs * before / total) - done
        found[name] = max(1, min(wanted, epochs - done - (len(shares) - left - 1)))
        done += found[name]
    return {name: found[name] for name in shares}


def own_expert(
    out: RoutedOutput, targets: Tensor, class_domain: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits `(B, C)` of the expert that is meant for each image, the cross-entropy of each `(B,)`,
    and the domain of each `(B,)`. `targets`: label distributions `(B, C)`, of unmixed images."""
    domain = class_domain[targets.argmax(dim=1)]
    assert out.expert_logits is not None
    rows = torch.arange(len(domain), device=domain.device)
    logits = out.expert_logits[rows, domain]
    return logits, functional.cross_entropy(logits.float(), targets, reduction="none"), domain


def routing_counts(
    routed: RoutedModel,
    split: Split,
    class_domain: Tensor,
    batch_size: int,
    *,
    compute: Compute,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """How a router sends images to experts, and what comes of it, in numbers of images:

    - `images`; `right`: those that go to the expert of their domain; `right_hits` and `wrong_hits`:
      of those and of the others, the ones that the expert classifies correctly;
    - `domain_hits`: correct if every image went to its domain's expert; `any_hits`: correct by at
      least one expert;
    - `sent[D][E]`: those of domain D that go to expert E; `hits[E][D]`: those of domain D that
      expert E classifies correctly; `of_domain[D]`.

    So accuracy = r·a_right + (1 − r)·a_wrong is exact: (right_hits + wrong_hits) / images. The
    model is in evaluation mode.
    """
    sums: dict[str, Tensor] = {}
    with torch.inference_mode():
        for x, labels in split.batches(batch_size):
            with compute.autocast():
                out = routed(compute.images(x))
            assert out.expert_logits is not None
            found = _counts(out.layers[0].probs, out.expert_logits, labels, class_domain[labels])
            sums = {name: sums.get(name, 0) + value for name, value in found.items()}
            tick()
    return {name: value.tolist() for name, value in sums.items()}


def _counts(
    probs: Tensor, expert_logits: Tensor, labels: Tensor, domain: Tensor
) -> dict[str, Tensor]:
    choice = probs.argmax(dim=1)
    correct = expert_logits.argmax(dim=2) == labels.unsqueeze(1)
    experts = torch.arange(probs.shape[1], device=probs.device)
    goes = choice.unsqueeze(1) == experts
    belongs = domain.unsqueeze(1) == experts
    right = choice == domain
    hit = (correct & goes).any(dim=1)
    return {
        "images": torch.tensor(len(labels), device=labels.device),
        "right": right.sum(),
        "right_hits": (hit & right).sum(),
        "wrong_hits": (hit & ~right).sum(),
        "domain_hits": (correct & belongs).any(dim=1).sum(),
        "any_hits": correct.any(dim=1).sum(),
        "sent": (belongs.unsqueeze(2) & goes.unsqueeze(1)).sum(dim=0),
        "hits": (correct.unsqueeze(2) & belongs.unsqueeze(1)).sum(dim=0),
        "of_domain": belongs.sum(dim=0),
    }


def gradient_cosine(
    routed: RoutedModel,
    shared: nn.Module,
    x: Tensor,
    labels: Tensor,
    class_domain: Tensor,
    compute: Compute,
) -> float | None:
    """Mean cosine between the gradients that two domains' images give a shared part, over pairs of
    domains: of each domain the cross-entropy of its own expert. Below 0 they contradict each other,
    near 0 they have nothing to do with each other. None with fewer than two domains among the
    images. The model is in evaluation mode, and its gradients stay as they are.
    """
    parameters = [p for p in shared.parameters() if p.is_floating_point()]
    wanted = [p.requires_grad for p in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        with compute.autocast():
            out = routed(x)
        targets = functional.one_hot(labels, len(class_domain)).float()
        _, losses, domain = own_expert(out, targets, class_domain)
        gradients = [
            torch.cat([g.flatten() for g in _gradient(losses[domain == d].mean(), parameters)])
            for d in sorted(set(domain.tolist()))
        ]
    finally:
        for parameter, before in zip(parameters, wanted, strict=True):
            parameter.requires_grad_(before)
    cosines = [functional.cosine_similarity(a, b, 0) for a, b in combinations(gradients, 2)]
    return float(torch.stack(cosines).mean()) if cosines else None


def _gradient(loss: Tensor, parameters: list[nn.Parameter]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, parameters, retain_graph=True)
