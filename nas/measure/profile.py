"""Profiles one member: builds it and runs one training step under given conditions."""

import time
import warnings
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from nas.compute import crowded, out_of_memory
from nas.measure.checks import check_gradients, check_logits, stage
from nas.measure.counts import meta_cost
from nas.measure.crowded import Crowded
from nas.measure.meta import create
from nas.measure.saved import saved_bytes
from nas.schema import Member, MemberProfile, ProblemError, ProfileConditions, one_line


def profile_member(
    member: Member, conditions: ProfileConditions, *, batch: int = 8
) -> MemberProfile:
    """Builds a member on the meta device, then runs one real training step and an evaluation.

    `batch` ≥ 4 images of noise. A fault of the member does not raise: the profile then has
    `ok=False` and the reason. Out-of-memory and CUDA errors raise, as the member may not be at
    fault. Crashes and hangs that Python cannot catch are left to the caller: run it in a child
    process. Seeded; the caller's random state is restored.
    """
    if batch < 4:
        raise ValueError("a profile needs at least 4 images: BatchNorm sees half of them")
    bench = _Bench.under(conditions)
    devices = [torch.cuda.current_device()] if bench.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            return _profile(member, conditions, bench, batch)
    except ProblemError as error:
        return MemberProfile(member=member, ok=False, problem=str(error))


ENOUGH = 0.5
"""Share of a GPU above which a profile's lack of memory is the member's fault."""


def profile_member_or_crowded(
    member: Member, conditions: ProfileConditions
) -> MemberProfile | Crowded:
    """As `profile_member`, but returns Crowded if other processes hold the memory that it needs."""
    try:
        return profile_member(member, conditions)
    except Exception as error:
        gpu = torch.device("cuda:0")
        if conditions.device == "cpu" or not out_of_memory(error, gpu, ENOUGH):
            raise
        if not crowded(gpu, ENOUGH):
            raise
        return Crowded(one_line(error))


def _profile(
    member: Member, conditions: ProfileConditions, bench: "_Bench", batch: int
) -> MemberProfile:
    classes = conditions.num_classes
    size, channels = member.sees(conditions.image_size, conditions.channels)
    params, macs = meta_cost(member, size, channels, classes)
    with stage("does not build"):
        model = create(member, classes, channels)
        model = model.to(bench.device).to(memory_format=bench.memory_format)
    images = torch.randn(batch, channels, size, size)
    images = images.to(bench.device, memory_format=bench.memory_format)
    labels = torch.randint(classes, (batch,)).to(bench.device)

    model.train()
    with stage("does not train"):
        half = bench.forward(model, images[: batch // 2])
        whole = bench.forward(model, images)
        check_logits(whole.logits, batch, classes, "in training")
        bench.backward(whole, labels)
        check_gradients(model)
        # The first step includes warming up; the second one is timed.
        seconds = bench.seconds(model, images, labels)
    with stage("does not evaluate"), torch.inference_mode():
        model.eval()
        check_logits(bench.forward(model, images).logits, batch, classes, "in evaluation")

    # saved(batch) = fixed + batch · per image; autocast's copies of the weights are fixed.
    extra = batch - batch // 2
    per_image = max(0, -(-(whole.saved - half.saved) // extra))
    fixed = max(0, whole.saved - batch * per_image)
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    return MemberProfile(
        member=member,
        ok=True,
        params=params,
        buffers_bytes=buffers + fixed,
        macs=macs,
        saved_bytes=per_image,
        seconds=seconds,
        batch=batch,
    )


@dataclass(frozen=True, slots=True)
class _Forward:
    logits: object
    saved: int


@dataclass(frozen=True, slots=True)
class _Bench:
    """Runs a model as in training: with its device, autocast and memory format."""

    device: torch.device
    memory_format: torch.memory_format
    bf16: bool

    @classmethod
    def under(cls, conditions: ProfileConditions) -> "_Bench":
        formats = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
        return cls(
            device=torch.device("cpu" if conditions.device == "cpu" else "cuda"),
            memory_format=formats[conditions.memory_format],
            bf16=conditions.precision == "bf16",
        )

    def forward(self, model: nn.Module, images: torch.Tensor) -> _Forward:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return _Forward(*saved_bytes(model, images))

    def backward(self, forward: _Forward, labels: torch.Tensor) -> None:
        assert isinstance(forward.logits, torch.Tensor)
        loss = functional.cross_entropy(forward.logits.float(), labels)
        if not loss.isfinite():
            raise ProblemError("its loss is infinite or undefined")
        torch.autograd.backward(loss)

    def seconds(self, model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
        model.zero_grad()
        self._wait()
        start = time.perf_counter()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = model(images)
        torch.autograd.backward(functional.cross_entropy(logits.float(), labels))
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
