"""What every instrument promises. Shapes: B images in the batch."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Instrument(ABC):
    """One figure of a model, from a batch of labelled images.

    A function of the model, the images and torch's random state. What it does to the model's
    gradients, buffers and modes, and to the random state, is undone by `nas.measure.figures`; it
    leaves parameters and hooks as they were.
    """

    @abstractmethod
    def measure(self, model: nn.Module, images: Tensor, labels: Tensor) -> float:
        """`images` `(B, channels, H, W)` normalised, `labels` `(B,)`, on the model's device. NaN or
        infinite where the model has no such figure."""
