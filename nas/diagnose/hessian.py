"""The Hessian of a trained model's loss: its products with vectors, top eigenvalues and trace.

Shapes: P trainable parameters, N images, K vectors.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from nas.compute import Compute
from nas.data.batches import Split, batch_indices

with warnings.catch_warnings():
    # A package that it imports compiles functions with torch.jit.
    warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated")
    from curvlinops import HessianLinearOperator

Batches = Sequence[tuple[Tensor, Tensor]]
"""Images `(B, C, H, W)` and int64 labels `(B,)`, on the device."""

BATCH = 128
"""The most images that are differentiated twice at once."""
BASIS = 12
"""Vectors of ARPACK's basis, P each, on the host."""
WIDE = 60
"""The same, where it has not converged."""
COLUMNS = 8
"""Probes of the trace that share a pass."""


class Hessian(HessianLinearOperator):  # type: ignore[misc]
    """The Hessian of a mean loss over batches as a linear operator, `(P, P)`.

    The library differentiates the gradient forwards. SiLU and GroupNorm have no such derivative in
    torch, so here it is differentiated backwards, as in Pearlmutter 1994 (doi
    10.1162/neco.1994.6.1.147). Parameters on which a batch's loss does not depend, such as those
    of an expert that no image chose, have zeros.
    """

    def _matmat_batch(self, X: Tensor, y: Tensor, M: list[Tensor]) -> list[Tensor]:  # noqa: N803
        """Each of `M` and of the result has a parameter's shape and a last dimension K."""
        with torch.enable_grad():
            loss = self._loss_func(self._model_func(X), y)
            gradient = torch.autograd.grad(
                loss, self._params, create_graph=True, materialize_grads=True
            )
        varying = [n for n, each in enumerate(gradient) if each.requires_grad]
        if not varying:  # the loss is linear
            return [torch.zeros_like(m) for m in M]
        columns = [
            torch.autograd.grad(
                [gradient[n] for n in varying],
                self._params,
                [M[n][..., k] for n in varying],
                retain_graph=True,
                materialize_grads=True,
            )
            for k in range(M[0].shape[-1])
        ]
        return [torch.stack(each, dim=-1) for each in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Leading:
    """The algebraically largest eigenvalues of a symmetric operator, the largest first."""

    values: tuple[float, ...]
    vectors: NDArray[Any]
    """`(P, K)`, of length 1."""
    residuals: tuple[float, ...]
    """‖Hv − λv‖ / |λ|: an eigenvalue lies within this share of λ."""
    products: int
    """Hessian-vector products that were computed, residuals' included."""


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that training would change, each once, in the model's order."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def hessian(model: nn.Module, batches: Batches) -> Hessian:
    """The operator of the mean cross-entropy over all images, in the precision of the parameters.

    It must be applied inside `exact_derivatives`.
    """
    # Its check of repeatability would draw from torch's global generator: `obstacle` checks.
    return Hessian(
        model, nn.CrossEntropyLoss(), trainable(model), batches, check_deterministic=False
    )


def subset(split: Split, count: int, compute: Compute, *, batch_size: int, seed: int) -> Batches:
    """At most `count` images of a split, not augmented, drawn by `seed`.

    A batch has at most `BATCH` images, and no more than a piece of training, half of `batch_size`.
    """
    generator = torch.Generator().manual_seed(seed)
    images: list[Tensor] = []
    labels: list[Tensor] = []
    for x, y in split.batches(batch_size, generator=generator):
        images.append(x)
        labels.append(y)
        if sum(map(len, labels)) >= count:
            break
    x, y = torch.cat(images)[:count], torch.cat(labels)[:count]
    size = max(1, min(BATCH, batch_size // 2))
    return [
        (compute.images(x[index]), y[index])
        for index in (each.to(x.device) for each in batch_indices(len(y), size, None))
    ]


def obstacle(model: nn.Module, batches: Batches) -> str:
    """Why the loss has no Hessian here, as a clause; empty if it has one.

    Raises ValueError for a model in training mode, and where the loss is not finite.
    """
    if any(module.training for module in model.modules()):
        raise ValueError("the model must be in evaluation mode")
    if not trainable(model):
        return "it has no trainable parameters"
    if any(isinstance(m, _BatchNorm) and m.running_mean is None for m in model.modules()):
        return "its BatchNorm has no fixed statistics"
    before = _random_state(batches)
    found = mean_loss(model, batches)
    if not torch.equal(before, _random_state(batches)):
        return "it draws random numbers in evaluation mode"
    if not np.isfinite(found):
        raise ValueError(f"the loss is {found}")
    return ""


def _random_state(batches: Batches) -> Tensor:
    device = batches[0][0].device
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return torch.cat(states)


def mean_loss(model: Callable[[Tensor], Tensor], batches: Batches) -> float:
    """The mean cross-entropy over all images, in nats; added up in float64."""
    total = 0.0
    with torch.no_grad():
        for x, y in batches:
            total += nn.functional.cross_entropy(model(x), y, reduction="sum").item()
    return total / sum(len(y) for _, y in batches)


@contextmanager
def exact_derivatives() -> Iterator[None]:
    """Attention that can be differentiated twice, and on a GPU neither TF32 nor algorithms whose
    results vary."""
    with (
        sdpa_kernel(SDPBackend.MATH),
        torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield


def leading(operator: Hessian, count: int, *, tolerance: float, limit: int, seed: int) -> Leading:
    """The `count` largest eigenvalues, by ARPACK's implicitly restarted Lanczos method (Lehoucq,
    Sorensen and Yang 1998) from a random start, `count` < P.

    It stops once every residual is below `tolerance`, as ARPACK estimates them, or before it would
    take more than `limit` products, which must be at least 100. Values that have not converged by
    then are those of one Krylov space of `WIDE` vectors. Raises ValueError if a product is not
    finite.
    """
    size, dtype = operator.shape[0], np.dtype(str(operator.dtype).removeprefix("torch."))
    products = 0

    def product(vector: NDArray[Any]) -> NDArray[Any]:
        nonlocal products
        products += 1
        given = torch.from_numpy(np.ascontiguousarray(vector, dtype=dtype).reshape(-1))
        found: NDArray[Any] = (operator @ given.to(operator.device)).cpu().numpy()
        return found

    start = np.random.default_rng(seed).standard_normal(size).astype(dtype)
    start /= np.linalg.norm(start)
    first = product(start)
    if not np.isfinite(first).all():
        raise ValueError("a product with the Hessian is not finite")
    if not first.any():  # ARPACK refuses it
        nothing = (0.0,) * count
        return Leading(nothing, np.eye(size, count, dtype=dtype), nothing, products)
    counted = LinearOperator((size, size), matvec=product, dtype=dtype)
    basis, wide = min(size, BASIS), min(size, WIDE)
    left = limit - products - basis - wide - count - 2
    wanted = {"k": count, "which": "LA"}
    try:
        # A restart takes a product for each vector that it does not keep.
        restarts = max(1, left // max(1, basis - count))
        values, vectors = eigsh(
            counted, v0=start, ncv=basis, tol=tolerance, maxiter=restarts, **wanted
        )
    except ArpackNoConvergence as stop:
        # ARPACK does not give what has not converged; with any tolerance met, it does.
        again = start + stop.eigenvectors.sum(axis=1)
        values, vectors = eigsh(counted, v0=again, ncv=wide, tol=1e6, maxiter=1, **wanted)
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    residuals = [
        _residual(product(vector), float(value), vector)
        for value, vector in zip(values, vectors.T, strict=True)
    ]
    return Leading(tuple(map(float, values)), vectors, tuple(residuals), products)


def _residual(product: NDArray[Any], value: float, vector: NDArray[Any]) -> float:
    error = np.linalg.norm(product.astype(np.float64) - value * vector.astype(np.float64))
    return float(error) / max(abs(value), float(np.finfo(np.float64).tiny))


def trace(operator: Hessian, probes: int, seed: int, top: Leading) -> tuple[float, float]:
    """The trace, and its standard error, by at least 2 vectors z of random signs.

    That of the space of the top eigenvectors V is the sum of their values. That of the rest, the
    mean of wᵀHw with w = z − VVᵀz (Hutchinson 1990, doi 10.1080/03610919008812866; without the
    largest eigenvalues the forms vary less, as in Hutch++, Meyer et al., arXiv 2010.09649).
    """
    known = torch.from_numpy(top.vectors.copy()).to(operator.device, operator.dtype)  # (P, K)
    generator = torch.Generator().manual_seed(seed)
    forms: list[float] = []
    for start in range(0, probes, COLUMNS):
        shape = (operator.shape[0], min(COLUMNS, probes - start))
        # Eight bits: a large model has 10⁸ parameters.
        signs = 2 * torch.randint(2, shape, generator=generator, dtype=torch.int8) - 1
        z = signs.to(operator.device, operator.dtype)
        w = z - known @ (known.T @ z)
        forms += (w * (operator @ w)).sum(dim=0, dtype=torch.float64).tolist()
    error = np.std(forms, ddof=1) / np.sqrt(probes)
    return float(sum(top.values) + np.mean(forms)), float(error)
