"""The conditions under which a member profile is valid."""

from importlib.metadata import version

import torch

from nas.compute import resolved
from nas.schema import ProblemError, ProfileConditions


def conditions(
    image_size: int,
    channels: int,
    num_classes: int,
    device: str = "cpu",
    precision: str = "auto",
) -> ProfileConditions:
    """Conditions of training on `device` (`cpu`, `cuda`, `cuda:1`) with this torch and timm.

    `precision` as in a recipe: see `nas.compute.resolved`. The memory format is that of the
    training loop: always channels_last. Raises ProblemError for a device that this machine lacks.
    """
    on_gpu = device.startswith("cuda")
    if on_gpu and not torch.cuda.is_available():
        raise ProblemError(
            f"no device {device}: torch sees no GPU", fix="use the CPU, or run `nas doctor`"
        )
    if not on_gpu and device != "cpu":
        raise ProblemError(f"no device {device}", fix="use cpu or cuda")
    return ProfileConditions(
        image_size=image_size,
        channels=channels,
        num_classes=num_classes,
        torch=str(torch.__version__),
        timm=version("timm"),
        device=torch.cuda.get_device_name(device) if on_gpu else "cpu",
        precision=resolved(precision, torch.device(device)),
        memory_format="channels_last",
    )
