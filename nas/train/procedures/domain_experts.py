"""Experts for domains of classes, and a router that learns which is meant."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nas.faults import BuildError
from nas.moe import RoutedModel, RoutedOutput
from nas.schema import Axis
from nas.train.domains import (
    DOMAINS,
    divided,
    gradient_cosine,
    own_expert,
    routing_counts,
    set_domains,
)
from nas.train.loop import Phase
from nas.train.procedures.base import Procedure
from nas.train.scoring import Score

COSINE_IMAGES = 512
"""Training images whose gradients are compared."""


class DomainExperts(Procedure):
    """Trains expert e on the classes of domain e, then the router, then all on all classes; of a
    model with `stem`, `experts`, `router` and `class_domain`
    (`templates/_domain_experts.py.j2`). After BorisovAI's "Routing Experts on CIFAR-100".

    `domains`: see `nas.data.domains`. Phases:

    - `experts`, the share `experts_share` of the epochs: stem and experts, each image by the expert
      of its domain;
    - by `strategy`: `router`, the router alone over what is then frozen; `joint`, everything; or
      `two_phase`, first the one and then the other. The loss is that of the mixture with the
      router's probabilities as weights; of a `supervised` router it is the cross-entropy of the
      image's domain, together with the mixture's where everything trains;
    - `all_classes`, the share `all_classes` of the epochs: everything, with every expert on all
      images besides. Until then an expert knows its own classes alone, so that a wrong route is a
      wrong answer.

    Images are not mixed: two of different domains have no expert. Events: `domains`, which class is
    in which; and `phase` at the end of each, with the numbers of `nas.train.domains.routing_counts`
    on validation and the `gradient_cosine` of domains in the stem.
    """

    axes = (
        DOMAINS,
        Axis("strategy", "router", values=("router", "joint", "two_phase")),
        Axis("supervised", False),
        Axis("experts_share", 0.5, minimum=0.05, maximum=0.9),
        Axis("all_classes", 0.25, minimum=0.0, maximum=0.9),
    )
    mixes = False

    def prepare(self) -> None:
        needs = ("stem", "experts", "router", "class_domain")
        if not all(hasattr(self.model, name) for name in needs):
            raise BuildError("the procedure domain_experts needs a model of experts for domains")
        self.phases()  # raises where there are too few epochs
        set_domains(self.model, self.data, str(self.settings["domains"]))

    @property
    def _shares(self) -> dict[str, float]:
        """Of each phase the share of the epochs that is wanted."""
        first, last = float(self.settings["experts_share"]), float(self.settings["all_classes"])
        rest = max(0.0, 1 - first - last)
        middle = {
            "router": {"router": rest},
            "joint": {"joint": rest},
            "two_phase": {"router": rest / 2, "joint": rest / 2},
        }[str(self.settings["strategy"])]
        return {"experts": first, **middle} | ({"all_classes": last} if last else {})

    @property
    def _lengths(self) -> dict[str, int]:
        return divided(self.recipe.epochs, self._shares)

    def phases(self) -> Sequence[Phase]:
        model: Any = self.model
        trained = {"experts": (model.stem, model.experts), "router": (model.router,)}
        return [
            Phase(name, epochs, trained.get(name, (model,)))
            for name, epochs in self._lengths.items()
        ]

    def objective(self, out: RoutedOutput, targets: Tensor) -> tuple[Tensor, Tensor]:
        phase = self.phases()[self._phase].name
        logits, own, domain = own_expert(out, targets, self._class_domain)
        if phase == "experts":
            return logits, own.mean()
        mixed = super().objective(out, targets)[1]
        if self.settings["supervised"]:
            found = functional.cross_entropy(out.layers[0].gate_logits, domain)
            mixed = found if phase == "router" else found + mixed
        if phase == "all_classes":
            assert out.expert_logits is not None
            every = out.expert_logits.float().flatten(0, 1)
            experts = out.expert_logits.shape[1]
            mixed = mixed + functional.cross_entropy(every, targets.repeat_interleave(experts, 0))
        return out.logits, mixed

    @property
    def _class_domain(self) -> Tensor:
        return self.model.get_buffer("class_domain")

    def before_epoch(self, epoch: int) -> None:
        if epoch == 1:
            domains = self._class_domain.tolist()
            sizes = ", ".join(str(domains.count(d)) for d in sorted(set(domains)))
            reason = f"by {self.settings['domains']}: of {sizes} classes"
            self.record("domains", reason, class_domain=domains)

    def after_epoch(self, epoch: int, val: Score) -> None:
        if (phase := self.ended(epoch)) is not None:
            self.record("phase", f"phase {phase} ended", phase=phase, **self._counts())

    def _counts(self) -> dict[str, Any]:
        model: Any = self.model
        routed = RoutedModel(model)
        found = routing_counts(
            routed,
            self.data.val,
            self._class_domain,
            self.evaluation_batch,
            compute=self.compute,
            tick=self.tick,
        )
        generator = torch.Generator().manual_seed(self.seed)
        x, labels = next(iter(self.split.batches(COSINE_IMAGES, generator=generator)))
        images = self.compute.images(x)
        cosine = gradient_cosine(
            routed, model.stem, images, labels, self._class_domain, self.compute
        )
        return found | {"gradient_cosine": cosine}
