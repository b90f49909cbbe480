"""An expert is added to a trained mixture, whose other parts stay as they are."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.data.batches import Split
from nas.faults import BuildError
from nas.moe import RoutedModel, RoutedOutput, as_routed
from nas.schema import Axis
from nas.train.domains import DOMAINS, divided, own_expert, set_domains
from nas.train.loop import Phase
from nas.train.procedures.base import Procedure
from nas.train.scoring import Score


class HotPlug(Procedure):
    """Trains all experts of a mixture but the last, then the last alone over what is then frozen,
    then the router alone: as if the last expert were plugged into a mixture in service.

    Where the model has `class_domain`, the classes are divided into as many domains as there are
    experts: an image is then for the expert of its domain, and the last one learns the last
    domain. A model without it (moe4) trains as a mixture, and its last expert on all images.
    Phases: `base`, the share `base` of the epochs, 0 for experts that are trained already; `plug`,
    the share `plug`; and `router`, the rest.

    Frozen parts are guarded: they keep every bit, BatchNorm's statistics too, whatever calls
    `train()`. With `guarded: false`, a control, they have no gradients, but are in training mode;
    the statistics of shared layers then drift to the last expert's images (BorisovAI, "Routing
    Experts on CIFAR-100": −2.48 points).

    Event at the end of `plug`: `plugged`, with the number of `tensors` in the frozen parts and of
    those that `changed`, whether the old experts' logits on validation images are `equal` bit for
    bit, and their accuracy on their own images, `before` and `after`: in a mixture, each by the
    expert of its domain; without domains, their mean accuracy on all.
    """

    axes = (
        Axis("guarded", True),
        DOMAINS,
        Axis("base", 0.4, minimum=0.0, maximum=0.9),
        Axis("plug", 0.4, minimum=0.05, maximum=0.95),
    )
    mixes = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._before: dict[str, Any] | None = None

    def prepare(self) -> None:
        experts = getattr(self.model, "experts", None)
        mixes = isinstance(experts, nn.ModuleList) and as_routed(self.model) is not None
        if not mixes or len(self._experts) < 2:
            raise BuildError("the procedure hot_plug needs a mixture of at least two networks")
        self.phases()  # raises where there are too few epochs
        if self._has_domains:
            set_domains(self.model, self.data, str(self.settings["domains"]))

    @property
    def _experts(self) -> nn.ModuleList:
        experts = self.model.get_submodule("experts")
        assert isinstance(experts, nn.ModuleList)
        return experts

    @property
    def _mixture(self) -> RoutedModel:
        routed = as_routed(self.model)
        assert routed is not None
        return routed

    @property
    def _has_domains(self) -> bool:
        return hasattr(self.model, "class_domain")

    @property
    def _lengths(self) -> dict[str, int]:
        base, plug = float(self.settings["base"]), float(self.settings["plug"])
        shares = {"base": base, "plug": plug, "router": max(0.05, 1 - base - plug)}
        return divided(self.recipe.epochs, {name: share for name, share in shares.items() if share})

    def phases(self) -> Sequence[Phase]:
        *old, new = self._experts
        gate = tuple(self._mixture.gate)
        shared = (self.model.get_submodule("stem"),) if self._has_domains else gate
        parts = {"base": (*shared, *old), "plug": (new,), "router": gate}
        return [
            Phase(name, epochs, parts[name], bool(self.settings["guarded"]) or name != "plug")
            for name, epochs in self._lengths.items()
        ]

    @property
    def split(self) -> Split:
        """The images of the experts that train, where there are domains."""
        phase = self.phases()[max(0, self._phase)].name
        return self._splits.get(phase, self.data.train)

    @cached_property
    def _splits(self) -> dict[str, Split]:
        """By phase, where not all images are trained on."""
        if not self._has_domains:
            return {}
        train, new = self.data.train, len(self._experts) - 1
        domain = self.model.get_buffer("class_domain")[train.labels]
        return {
            "base": train.subset((domain < new).nonzero().flatten()),
            "plug": train.subset((domain == new).nonzero().flatten()),
        }

    def objective(self, out: RoutedOutput, targets: Tensor) -> tuple[Tensor, Tensor]:
        phase = self.phases()[self._phase].name
        assert out.expert_logits is not None
        new = len(self._experts) - 1
        if phase == "router":
            return super().objective(out, targets)
        if self._has_domains:
            logits, losses, _ = own_expert(out, targets, self.model.get_buffer("class_domain"))
            return logits, losses.mean()
        if phase == "plug":
            logits = out.expert_logits[:, new]
        else:
            weights = out.layers[0].gate_logits[:, :new].softmax(dim=1)
            logits = (weights.unsqueeze(2) * out.expert_logits[:, :new]).sum(dim=1)
        return logits, functional.cross_entropy(logits.float(), targets)

    def before_epoch(self, epoch: int) -> None:
        _, first, phase = self._phase_of(epoch)
        if phase.name == "plug" and epoch == first:
            self._before = self._frozen_parts()

    def after_epoch(self, epoch: int, val: Score) -> None:
        if self.ended(epoch) != "plug" or self._before is None:
            return
        before, after = self._before, self._frozen_parts()
        self._before = None
        changed = [n for n, value in before["state"].items() if not value.equal(after["state"][n])]
        self.record(
            "plugged",
            "guarded" if self.settings["guarded"] else "not guarded",
            tensors=len(before["state"]),
            changed=len(changed),
            equal=bool(before["logits"].equal(after["logits"])),
            before=before["acc"],
            after=after["acc"],
        )

    def _frozen_parts(self) -> dict[str, Any]:
        """A copy of all tensors but the last expert's, the old experts' logits on validation
        `(N, E − 1, C)`, and their accuracy."""
        self.model.eval()
        newest = f"experts.{len(self._experts) - 1}."
        state = {
            name: value.detach().cpu().clone()
            for name, value in self.model.state_dict().items()
            if not name.startswith(newest)
        }
        routed, found, labels = self._mixture, [], []
        with torch.inference_mode(), self.compute.autocast():
            for x, y in self.data.val.batches(self.evaluation_batch):
                logits = routed(self.compute.images(x)).expert_logits
                assert logits is not None
                found.append(logits[:, :-1].float().cpu())
                labels.append(y.cpu())
                self.tick()
        logits, y = torch.cat(found), torch.cat(labels)
        correct = logits.argmax(dim=2) == y.unsqueeze(1)
        if self._has_domains:
            domain = self.model.get_buffer("class_domain").cpu()[y]
            own = domain < logits.shape[1]
            correct = correct[own].gather(1, domain[own].unsqueeze(1))
        return {"state": state, "logits": logits, "acc": float(correct.float().mean())}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._before = state["before"]

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"before": self._before}
