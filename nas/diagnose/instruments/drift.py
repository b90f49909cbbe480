"""What happens to the frozen parts of a trained network when training goes on around them."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import chain, islice
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import AdamW

from nas.data.batches import Split
from nas.diagnose.instruments.base import Figures, Instrument, NotApplicable, Subject
from nas.moe import as_routed
from nas.train import Score, score
from nas.train.freeze import train_only, unfreeze

Found = dict[str, float | tuple[float, ...]]
WAYS = ("guarded", "unguarded")


class FrozenDrift(Instrument):
    """How much the frozen parts of a network change while its gate is trained, as `WAY.FIGURE` for
    `guarded`, frozen by `nas.train.freeze.train_only`, and `unguarded`, frozen by
    `requires_grad_(False)` alone. In training mode BatchNorm's running statistics follow the images
    even without gradients. It does not apply where neither way changes a tensor.

    Before accuracies are measured again, the gate's parameters and buffers are put back as they
    were, so that what it learned neither hides the harm of the drift nor adds to it. A gate in
    training may make up for some of the harm; that is not measured. A post on experts for CIFAR-100
    that are added in training tells of 2.48 points ("Routing Experts on CIFAR-100", BorisovAI).

    `STEPS` steps of AdamW (learning rate `RATE`) lower the cross-entropy on training images, drawn
    by the seed and not augmented, in batches of a piece of training, at most `BATCH`; `train()` is
    called on the whole model before each. A part of the change is thus what images without
    augmentation do, and BatchNorm that was re-estimated on such images hardly drifts. Of a plain
    model the last module with parameters trains, and is put back. Either way has a copy of the
    model, with dropout and noise of the same seed.
    """

    STEPS: ClassVar[int] = 50
    RATE: ClassVar[float] = 1e-3
    BATCH: ClassVar[int] = 64

    def examine(self, subject: Subject) -> Figures | NotApplicable:
        parts = trained_parts(subject.model)
        if not any(p.requires_grad for part in parts for p in part.parameters()):
            return NotApplicable("it has no gate, or last module, that trains")
        frozen = frozen_tensors(subject.model, parts)
        if not frozen:
            return NotApplicable("it has no other part")
        copies = {way: self._trained(subject, guarded=way == "guarded") for way in WAYS}
        changes = {way: changed(frozen, copied) for way, copied in copies.items()}
        if not any(changes.values()):
            return NotApplicable("it has no buffers that training moves")
        learned = {name for name, _ in subject.model.named_parameters()}
        buffers = len(frozen.keys() - learned)
        found: Found = {"tensors": float(len(frozen)), "buffers": float(buffers)}
        before = _scored(subject.model, subject)
        for way, copied in copies.items():
            found[f"{way}.changed"] = float(changes[way])
            found[f"{way}.largest"] = largest(frozen, copied)
            after = _scored(copied, subject)
            found[f"{way}.points"] = 100 * (after.acc - before.acc)
            if before.expert_accs:
                pairs = zip(after.expert_accs, before.expert_accs, strict=True)
                found[f"{way}.expert_points"] = tuple(100 * (new - old) for new, old in pairs)
        return found

    def _trained(self, subject: Subject, *, guarded: bool) -> nn.Module:
        """A copy of the model after the steps, with the trained parts put back."""
        model = deepcopy(subject.model)
        parts = trained_parts(model)
        learning = [p for part in parts for p in part.parameters() if p.requires_grad]
        if guarded:
            train_only(model, parts)
        else:
            unfreeze(model)
            model.requires_grad_(False)
            for parameter in learning:
                parameter.requires_grad_(True)
        old = [(tensor, tensor.detach().clone()) for tensor in tensors(parts)]
        self._train(model, learning, subject)
        with torch.no_grad():
            for tensor, value in old:
                tensor.copy_(value)
        return model

    def _train(self, model: nn.Module, learning: list[nn.Parameter], subject: Subject) -> None:
        compute, routed = subject.compute, as_routed(model)
        size = max(2, min(self.BATCH, subject.batch_size // 2))
        cuda = compute.device.type == "cuda"
        optimizer = AdamW(learning, lr=self.RATE)
        with (
            torch.random.fork_rng([compute.device] if cuda else []),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
        ):
            torch.manual_seed(subject.seed)
            for x, y in islice(_endless(subject.data.train, size, subject.seed), self.STEPS):
                model.train()
                with compute.autocast():
                    images = compute.images(x)
                    logits = model(images) if routed is None else routed(images).logits
                optimizer.zero_grad()
                loss = functional.cross_entropy(logits.float(), y)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()


def trained_parts(model: nn.Module) -> list[nn.Module]:
    """The modules that are trained: those that decide; of a plain model, the last with parameters
    of its own, if there is one."""
    routed = as_routed(model)
    if routed is not None:
        return routed.gate
    own = [m for m in model.modules() if next(m.parameters(recurse=False), None) is not None]
    return own[-1:]


def tensors(parts: list[nn.Module]) -> Iterator[Tensor]:
    """Parameters and buffers of modules."""
    for part in parts:
        yield from chain(part.parameters(), part.buffers())


def frozen_tensors(model: nn.Module, parts: list[nn.Module]) -> dict[str, Tensor]:
    """Parameters and buffers of a model, by name, without those of some of its modules and what
    these share with the rest."""
    trained = {id(tensor) for tensor in tensors(parts)}
    every = chain(model.named_parameters(), model.named_buffers())
    return {name: tensor.detach() for name, tensor in every if id(tensor) not in trained}


def changed(before: dict[str, Tensor], after: nn.Module) -> int:
    """How many of the frozen tensors, by name, are not as they were, bit for bit."""
    now = frozen_tensors(after, trained_parts(after))
    return sum(not torch.equal(now[name], tensor) for name, tensor in before.items())


def largest(before: dict[str, Tensor], after: nn.Module) -> float:
    """The largest change of a running mean, in the old running standard deviations: of a model's
    BatchNorm whose tensors are among those that it had before, by name."""
    changes = [0.0]
    for name, module in after.named_modules():
        prefix = f"{name}." if name else ""
        mean = before.get(f"{prefix}running_mean")
        if isinstance(module, _BatchNorm) and mean is not None and module.running_mean is not None:
            deviation = (before[f"{prefix}running_var"] + module.eps).sqrt()
            changes.append(float(((module.running_mean - mean).abs() / deviation).max()))
    return max(changes)


def _endless(split: Split, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches that are not augmented, pass after pass, each in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from split.batches(size, generator=generator)


def _scored(model: nn.Module, subject: Subject) -> Score:
    return score(model, subject.data.val, subject.batch_size, compute=subject.compute)
