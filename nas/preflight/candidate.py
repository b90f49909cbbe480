"""A rendered candidate, built and stepped once."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from nas.preflight.code import execute
from nas.preflight.faults import check_gradients, check_logits, stage
from nas.spec import Problem, ProblemError


def check_candidate(
    code: str, num_classes: int, image_size: int, channels: int, *, batch: int = 4
) -> list[Problem]:
    """Everything wrong with a rendered file; empty when it is sound. Runs on the CPU.

    It must define `build(num_classes)`, give finite logits of shape (batch, num_classes) in
    training and in evaluation, and a finite loss must send a gradient to every trainable tensor.
    A mixture's parts, each of `experts` and the `gate`, are judged one by one.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        images = torch.randn(batch, channels, image_size, image_size)
        labels = torch.randint(num_classes, (batch,))
        try:
            with stage("does not import"):
                module = execute(code)
            if not callable(module.get("build")):
                raise ProblemError("defines no build(num_classes)")
            with stage("does not build"):
                model = module["build"](num_classes)
            with stage("does not train"):
                used = _step(model.train(), images, labels, num_classes)
            with stage("does not evaluate"), torch.inference_mode():
                check_logits(model.eval()(images), batch, num_classes, "in evaluation")
        except ProblemError as error:
            return [error.problem]
    return [p for part in _parts(model, used) if (p := _gradient_problem(*part))]


def _step(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, num_classes: int
) -> list[bool] | None:
    """One training step → for a mixture, whether each expert had a weight in any image."""
    used = None
    mixture: Callable[[torch.Tensor], Any] | None = getattr(model, "mixture", None)
    if mixture is not None:
        output = mixture(images)
        logits, used = output.logits, output.weights.any(dim=0).tolist()
    else:
        logits = model(images)
    check_logits(logits, len(images), num_classes, "in training")
    loss = functional.cross_entropy(logits, labels)
    if not loss.isfinite():
        raise ProblemError("its loss is infinite or undefined")
    torch.autograd.backward(loss)
    return used


def _parts(model: nn.Module, used: list[bool] | None) -> list[tuple[str, nn.Module, bool]]:
    """(name, part, whether zeros are a fair gradient): an expert no image chose gets zeros."""
    if used is None:
        return [("model", model, False)]
    experts = [
        (f"expert {number}", model.get_submodule(f"experts.{number}"), not some)
        for number, some in enumerate(used)
    ]
    return [("gate", model.get_submodule("gate"), False), *experts]


def _gradient_problem(name: str, part: nn.Module, zeros: bool) -> Problem | None:
    try:
        check_gradients(part, zeros=zeros)
    except ProblemError as error:
        return Problem(what=error.problem.what, where=name)
    return None
