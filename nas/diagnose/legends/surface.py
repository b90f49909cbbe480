"""The figures of the instrument `surface`."""

from typing import ClassVar

from nas.diagnose.legends.base import Figure, Legend, Unit


class SurfaceLegend(Legend):
    """The mean cross-entropy at θ + αd, θ the trained parameters. The page's cards draw it."""

    figures: ClassVar = (
        Figure(
            "eigenvector_residual",
            "relative error of the sharpest direction",
            Unit.NUMBER,
            "‖Hv − λv‖ / |λ|: a large one says that the direction is not an eigenvector.",
        ),
        Figure(
            "{line}_alphas",
            "steps along the {line} direction",
            Unit.NUMBER,
            "The values of α: 21 from −0.5 to 0.5 for `eigenvector`, 21 from −1 to 1 for `random`,"
            " nine from −1 to 1 for each side of `plane`.",
        ),
        Figure(
            "{split}.plane_losses",
            "loss in a plane of two random directions, {split}",
            Unit.NATS,
            "The loss at θ + αd + βe for each α and, within it, each β of the same.",
        ),
        Figure(
            "{split}.{line}_losses",
            "loss along the {line} direction, {split}",
            Unit.NATS,
            "The loss at each α; d is the eigenvector, of length 1, of the Hessian's largest"
            " eigenvalue, or random and filter-normalised.",
        ),
    )
    headlines: ClassVar = (
        *("train.eigenvector_losses", "test.eigenvector_losses"),
        *("train.random_losses", "test.random_losses", "eigenvector_residual"),
    )
    source: ClassVar = "arXiv 2601.15021; filter normalisation: Li et al., arXiv 1712.09913."
