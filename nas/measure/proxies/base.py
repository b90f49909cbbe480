"""The interface of zero-cost proxies. Shapes: B images in the batch."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Proxy(ABC):
    """Measures one number of a model before training, on a batch of labelled images.

    The result is a function of the model, the images and torch's random state. Afterwards,
    `nas.measure.figures` restores the model's gradients, buffers and modes, and the random state;
    a proxy must leave parameters and hooks unchanged.
    """

    @abstractmethod
    def measure(self, model: nn.Module, images: Tensor, labels: Tensor) -> float:
        """The number; NaN or infinite if it is not defined for the model. `images`
        `(B, channels, H, W)`, normalised, and `labels` `(B,)` are on the model's device."""
