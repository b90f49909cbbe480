"""How sharply a trained network's loss curves at its weights."""

from typing import ClassVar

from nas.diagnose.hessian import exact_derivatives, hessian, leading, obstacle, subset, trace
from nas.diagnose.instruments.base import Figures, Instrument, NotApplicable, Subject


class Curvature(Instrument):
    """Largest eigenvalues and trace of the Hessian of the mean cross-entropy with respect to all
    trainable parameters, as `SPLIT.FIGURE` for `train` and `test`; the trace by `PROBES` random
    vectors.

    The loss is plain: without smoothing, losses of routing, augmentation, dropout or noise, and
    with BatchNorm's fixed statistics. It is that of `IMAGES` images, or all where a split has
    fewer, drawn by the candidate's seed, in batches of at most 128 and a piece of training, in
    which images may compete for places. At fixed routing: which experts are chosen has no
    derivative, though the weights of those that are have one.

    Products are computed by differentiating the gradient (after Yao et al., PyHessian, arXiv
    1912.07145, and arXiv 2601.15021), in the precision of the parameters, float32, on the device,
    also where the model was trained in bf16; eigenvalues by ARPACK. It needs the extra
    `nas-moe[curvature]`.
    """

    COUNT: ClassVar[int] = 3
    IMAGES: ClassVar[int] = 256
    TOLERANCE: ClassVar[float] = 1e-3
    PRODUCTS: ClassVar[int] = 200
    PROBES: ClassVar[int] = 16

    def examine(self, subject: Subject) -> Figures | NotApplicable:
        found: dict[str, float | tuple[float, ...]] = {}
        with exact_derivatives():
            for name, split in (("train", subject.data.train), ("test", subject.data.test)):
                batches = subset(
                    split,
                    self.IMAGES,
                    subject.compute,
                    batch_size=subject.batch_size,
                    seed=subject.seed,
                )
                if why := obstacle(subject.model, batches):
                    return NotApplicable(why)
                operator = hessian(subject.model, batches)
                if operator.shape[0] <= self.COUNT:
                    return NotApplicable("it has too few parameters")
                top = leading(
                    operator,
                    self.COUNT,
                    # ARPACK estimates the residuals, in the same precision.
                    tolerance=self.TOLERANCE / 2,
                    limit=self.PRODUCTS,
                    seed=subject.seed,
                )
                pairs = zip(top.values, top.residuals, strict=True)
                for rank, (value, residual) in enumerate(pairs, start=1):
                    found[f"{name}.eigenvalue_{rank}"] = value
                    found[f"{name}.residual_{rank}"] = residual
                found[f"{name}.converged"] = float(max(top.residuals) <= self.TOLERANCE)
                found[f"{name}.products"] = float(top.products)
                estimate, error = trace(operator, self.PROBES, subject.seed, top)
                found[f"{name}.trace"] = estimate
                found[f"{name}.trace_se"] = error
        return found
