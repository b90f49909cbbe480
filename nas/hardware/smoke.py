"""A smoke test of a device: a step that is too small to fail unless the device is broken."""

import torch
from torch.nn import functional

from nas.compute import has_bf16
from nas.faults import WrongNumberError

_CHANNELS, _SIDE = 8, 8


def smoke_kernel(device: torch.device) -> None:
    """Runs a convolution, a matrix product and their backward pass on a device and waits for them;
    in fp32 and, if the device has it, in bf16.

    Returns None if the results are right. Raises the device's exceptions, or WrongNumberError. An
    asynchronous error of an earlier kernel is raised here too. Uses no random numbers.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    for dtype in (torch.float32, *([torch.bfloat16] if has_bf16(device) else [])):
        _step(device, dtype)
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def computes(device: torch.device) -> bool:
    """Whether the smoke kernel passes in this process."""
    try:
        smoke_kernel(device)
    except Exception:
        return False
    return True


def _step(device: torch.device, dtype: torch.dtype) -> None:
    """One step on ones. Each output of an unpadded 3×3 convolution is 9·channels; each entry of the
    weights' gradient is 2·(outputs per map). Small integers are exact in bf16 too."""
    images = torch.ones(2, _CHANNELS, _SIDE, _SIDE, device=device, dtype=dtype)
    kernel = torch.ones(_CHANNELS, _CHANNELS, 3, 3, device=device, dtype=dtype, requires_grad=True)
    out = functional.conv2d(images, kernel)
    maps = out.flatten(2)  # (2, channels, positions)
    product = maps @ maps.transpose(1, 2)
    (out.sum() + 0 * product.sum()).backward()  # type: ignore[no-untyped-call]
    positions = (_SIDE - 2) ** 2
    assert kernel.grad is not None
    found = (out.min(), out.max(), product[0, 0, 0], kernel.grad.min(), kernel.grad.max())
    value = 9 * _CHANNELS
    right = (value, value, positions * value**2, 2 * positions, 2 * positions)
    for has, wants in zip([float(figure.detach()) for figure in found], right, strict=True):
        # bf16 has 8 significant bits, so its largest rounding error is 2⁻⁸. NaN fails as well.
        if not abs(has - wants) <= 2**-8 * wants:
            raise WrongNumberError(f"{device} computes {has:g}, not {wants}, in {dtype}")
