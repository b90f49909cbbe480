"""How much the activation patterns of images differ in an untrained model: a zero-cost proxy.

Shapes: B images in the batch, U units.
"""

import torch
from torch import Tensor, nn

from nas.measure.proxies.base import Proxy

_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
)
_OF_TIMM = ("Swish", "Mish", "HardSwish", "HardMish", "PReLU", "GELU", "GELUTanh", "QuickGELU")
"""Names of timm's own activations with a bend at 0."""


class Naswot(Proxy):
    """log |det K|, where K[i, j] is the number of units with equal state for images i and j (Mellor
    and others 2021, arXiv 2006.04647). A unit is on if the input of its activation is above 0; for
    ReLU this is the published rule. −∞ if all units agree for two images; NaN without
    activations."""

    def measure(self, model: nn.Module, images: Tensor, labels: Tensor) -> float:
        model.train()
        listening = _Switches(len(images))
        hooks = [
            module.register_forward_pre_hook(listening)
            for module in model.modules()
            if _is_activation(module)
        ]
        try:
            with torch.no_grad():
                model(images)
        finally:
            for hook in hooks:
                hook.remove()
        if not listening.units:
            return float("nan")
        return float(torch.linalg.slogdet(listening.alike).logabsdet)


class _Switches:
    """Counts, for each pair of images, the units with equal state."""

    def __init__(self, images: int) -> None:
        self.alike = torch.zeros(images, images, dtype=torch.float64)
        self.units = 0

    def __call__(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        images = len(self.alike)
        if x.shape[0] % images:  # images are not its first dimension
            return
        on = (x.reshape(images, -1) > 0).float()  # windows of one image are adjacent
        off = 1 - on
        self.alike += (on @ on.T + off @ off.T).double().cpu()
        self.units += on.shape[1]


def _is_activation(module: nn.Module) -> bool:
    kind = type(module)
    return isinstance(module, _ACTIVATIONS) or (
        kind.__module__.startswith("timm.layers.activations")
        and kind.__name__.removesuffix("Me") in _OF_TIMM
    )
