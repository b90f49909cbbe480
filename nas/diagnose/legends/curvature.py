"""The figures of the instrument `curvature`."""

from typing import ClassVar

from nas.diagnose.legends.base import Figure, Legend, Unit


class CurvatureLegend(Legend):
    """Of the Hessian H of the mean cross-entropy with respect to the trainable parameters."""

    figures: ClassVar = (
        Figure(
            "{split}.eigenvalue_{rank}",
            "curvature of the loss, direction {rank}, {split}",
            Unit.CURVATURE,
            "The algebraically largest eigenvalues λ of H, the largest first: how sharply the loss"
            " rises in its sharpest directions.",
        ),
        Figure(
            "{split}.residual_{rank}",
            "relative error of that, direction {rank}, {split}",
            Unit.NUMBER,
            "‖Hv − λv‖ / |λ|, v of length 1: a true eigenvalue lies within this share of λ.",
        ),
        Figure(
            "{split}.converged",
            "eigenvalues precise enough, {split}",
            Unit.YES,
            "Whether every residual is at most 0.001; else the eigenvalues are those of a Krylov"
            " space, and too small rather than too large.",
        ),
        Figure(
            "{split}.products",
            "products with the Hessian, {split}",
            Unit.COUNT,
            "Products of H with a vector that the eigenvalues took, at most 200: the work done.",
        ),
        Figure(
            "{split}.trace",
            "total curvature of the loss, {split}",
            Unit.CURVATURE,
            "The trace of H: the sum of these eigenvalues and Hutchinson's estimate of the rest.",
        ),
        Figure(
            "{split}.trace_se",
            "standard error of that, {split}",
            Unit.CURVATURE,
            "The standard error of `trace`, over 16 vectors of random signs.",
        ),
    )
    headlines: ClassVar = tuple(
        f"{split}.{name}"
        for split in ("train", "test")
        for name in ("eigenvalue_1", "trace", "converged")
    )
    source: ClassVar = (
        "Yao et al., PyHessian, arXiv 1912.07145; arXiv 2601.15021; Hutchinson 1990, doi"
        " 10.1080/03610919008812866."
    )
