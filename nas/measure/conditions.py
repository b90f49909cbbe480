"""The conditions under which a member profile is valid."""

from importlib.metadata import version

from nas.measure.versions import torch_version
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
    if device == "cpu":  # without torch: a driver need not import it
        name, settled = "cpu", "bf16" if precision == "bf16" else "fp32"
    elif device.startswith("cuda"):
        name, settled = _gpu(device, precision)
    else:
        raise ProblemError(f"no device {device}", fix="use cpu or cuda")
    return ProfileConditions(
        image_size=image_size,
        channels=channels,
        num_classes=num_classes,
        torch=torch_version(),
        timm=version("timm"),
        device=name,
        precision=settled,
        memory_format="channels_last",
    )


def _gpu(device: str, precision: str) -> tuple[str, str]:
    """A GPU's name, and the precision there."""
    import torch

    from nas.compute import resolved

    if not torch.cuda.is_available():
        raise ProblemError(
            f"no device {device}: torch sees no GPU", fix="use the CPU, or run `nas doctor`"
        )
    return torch.cuda.get_device_name(device), resolved(precision, torch.device(device))
