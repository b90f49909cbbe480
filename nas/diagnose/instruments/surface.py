"""How a trained network's loss changes along lines through its weights."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from nas.diagnose.hessian import (
    Batches,
    exact_derivatives,
    hessian,
    leading,
    mean_loss,
    obstacle,
    subset,
)
from nas.diagnose.instruments.base import Figures, Instrument, NotApplicable, Subject


class LossSurface(Instrument):
    """The mean cross-entropy along two lines θ + αd through the trained parameters θ, and in a
    plane, as `SPLIT.FIGURE` for `train` and `test`, in nats:

    - along the eigenvector, of length 1, of the largest eigenvalue of the Hessian of the training
      loss, as the instrument `curvature` computes it. It is not scaled by the parameters, so models
      of different scales cannot be compared by it. Its largest component is positive;
    - along a random direction, normal, by the candidate's seed, and filter-normalised: each row of
      the first dimension of a parameter has the length of the parameter's row. Parameters of one
      dimension or none, such as biases and those of BatchNorm, stay;
    - in the plane of it and another such direction, of the training loss.

    Images, loss and precision are those of `curvature`; frozen parameters stay. Unlike there,
    routing is not held fixed: parameters far from θ may choose other experts. It needs the extra
    `nas-moe[curvature]`.
    """

    IMAGES: ClassVar[int] = 256
    TOLERANCE: ClassVar[float] = 1e-3
    PRODUCTS: ClassVar[int] = 200
    POINTS: ClassVar[int] = 21
    PLANE: ClassVar[int] = 9

    def examine(self, subject: Subject) -> Figures | NotApplicable:
        model, data = subject.model, subject.data
        splits = {
            name: subset(
                split,
                self.IMAGES,
                subject.compute,
                batch_size=subject.batch_size,
                seed=subject.seed,
            )
            for name, split in (("train", data.train), ("test", data.test))
        }
        with exact_derivatives():
            for batches in splits.values():
                if why := obstacle(model, batches):
                    return NotApplicable(why)
            operator = hessian(model, splits["train"])
            if operator.shape[0] <= 1:
                return NotApplicable("it has too few parameters")
            top = leading(
                operator,
                1,
                tolerance=self.TOLERANCE / 2,
                limit=self.PRODUCTS,
                seed=subject.seed,
            )
            vector = torch.from_numpy(top.vectors[:, 0].copy())
            vector *= vector[vector.abs().argmax()].sign()
            lines = {
                "eigenvector": (shaped(vector, model), _alphas(0.5, self.POINTS)),
                "random": (filter_normalised(model, subject.seed), _alphas(1.0, self.POINTS)),
            }
            found: dict[str, float | tuple[float, ...]] = {"eigenvector_residual": top.residuals[0]}
            for line, (direction, alphas) in lines.items():
                found[f"{line}_alphas"] = alphas
                for name, batches in splits.items():
                    found[f"{name}.{line}_losses"] = losses(model, batches, direction, alphas)
            found["plane_alphas"] = sides = _alphas(1.0, self.PLANE)
            plane = lines["random"][0], filter_normalised(model, subject.seed, which=1)
            found["train.plane_losses"] = plane_losses(model, splits["train"], plane, sides)
        return found


def _alphas(end: float, points: int) -> tuple[float, ...]:
    """Evenly from −end to end; 0 is among an odd number of points."""
    half = (points - 1) / 2
    return tuple(end * (n - half) / half for n in range(points))


def losses(
    model: nn.Module, batches: Batches, direction: dict[str, Tensor], alphas: Sequence[float]
) -> tuple[float, ...]:
    """The mean cross-entropy in nats at θ + αd for each α, without changing the model. `direction`
    has a tensor of the parameter's shape by the parameter's name; others stay."""
    start = {name: value.detach() for name, value in model.named_parameters()}
    found = []
    for alpha in alphas:
        moved = {name: start[name] + alpha * step for name, step in direction.items()}
        found.append(mean_loss(partial(_at, model, moved), batches))
    return tuple(found)


def plane_losses(
    model: nn.Module,
    batches: Batches,
    directions: tuple[dict[str, Tensor], dict[str, Tensor]],
    alphas: Sequence[float],
) -> tuple[float, ...]:
    """As `losses`, at θ + αd + βe for each α and, within it, each β. Both directions have the same
    parameters."""
    start = {name: value.detach() for name, value in model.named_parameters()}
    first, second = directions
    found = []
    for alpha, beta in product(alphas, alphas):
        moved = {n: start[n] + alpha * step + beta * second[n] for n, step in first.items()}
        found.append(mean_loss(partial(_at, model, moved), batches))
    return tuple(found)


def _at(model: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    """What the model gives with other parameters, by name."""
    logits: Tensor = torch.func.functional_call(model, parameters, (x,))
    return logits


def shaped(vector: Tensor, model: nn.Module) -> dict[str, Tensor]:
    """A vector `(P,)` as parts in the trainable parameters' shapes, on their device, by name."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    parts = torch.split(vector, [p.numel() for p in named.values()])
    return {
        name: part.to(p.device).view(p.shape)
        for (name, p), part in zip(named.items(), parts, strict=True)
    }


def filter_normalised(model: nn.Module, seed: int, which: int = 0) -> dict[str, Tensor]:
    """A random direction of the trainable parameters of two dimensions or more, by name: each row
    of the first dimension has the length of the parameter's row (arXiv 1712.09913, section 4).
    `which`: one of several directions of a seed."""
    [number] = np.random.SeedSequence((seed, which)).generate_state(1) if which else [seed]
    generator = torch.Generator().manual_seed(int(number))
    found = {}
    for name, p in model.named_parameters():
        if p.requires_grad and p.dim() > 1:
            rows = torch.randn(len(p), p[0].numel(), generator=generator, dtype=p.dtype)
            rows = rows.to(p.device)
            lengths = p.detach().reshape(len(p), -1).norm(dim=1, keepdim=True)
            found[name] = (rows * lengths / rows.norm(dim=1, keepdim=True)).view(p.shape)
    return found
