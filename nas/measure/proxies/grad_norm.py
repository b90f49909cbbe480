"""The gradient norm of an untrained model on one batch: a zero-cost proxy."""

from torch import Tensor, nn
from torch.nn import functional

from nas.measure.proxies.base import Proxy


class GradNorm(Proxy):
    """The sum of the Euclidean norms of all parameters' gradients, of the cross-entropy in training
    mode (Abdelfattah and others 2021, arXiv 2101.08134)."""

    def measure(self, model: nn.Module, images: Tensor, labels: Tensor) -> float:
        model.train()
        model.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        return float(sum(gradient.float().norm() for gradient in gradients))
