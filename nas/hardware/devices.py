"""What this machine has: GPUs, memory, versions. torch is imported only where it is asked."""

import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

import nas
from nas.schema import UsageError, one_line

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""What a candidate may take of a GPU: powers of two, which fit beside each other without waste."""

CONTEXT_BYTES = 512 * 2**20
"""What every process on a GPU takes beside its tensors: CUDA context, cuDNN and cuBLAS handles.
torch's memory fraction does not count it."""

PACKAGES = (
    *("torch", "torchvision", "timm", "ray", "optuna", "numpy", "scikit-learn"),
    *("sqlalchemy", "pandas", "jinja2"),
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device that torch sees."""

    name: str
    total_bytes: int
    capability: tuple[int, int] = (8, 0)
    """Compute capability, as CUDA numbers its architectures."""
    uuid: str = ""


@cache
def gpus_available() -> tuple[Gpu, ...]:
    """The GPUs torch sees, in CUDA's order."""
    import torch

    if not torch.cuda.is_available():
        return ()
    found = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
    return tuple(
        Gpu(
            device.name,
            device.total_memory,
            (device.major, device.minor),
            str(getattr(device, "uuid", "")),
        )
        for device in found
    )


def check_gpus(wanted: int) -> None:
    """Raises ProblemError when the machine has fewer GPUs than wanted."""
    if wanted == 0:
        return
    have = gpus_available()
    if len(have) < wanted:
        names = ", ".join(gpu.name for gpu in have) or "no GPU that torch can use"
        raise UsageError(
            f"{wanted} GPU{'s' if wanted > 1 else ''} wanted; this machine has {names}",
            where="--gpus",
            fix=f"take --gpus {len(have)}" + ("" if have else ", or see what `nas doctor` says"),
        )


def device_bytes(gpus: int) -> int:
    """Memory of the device trials run on: the smallest GPU's, or the machine's without any."""
    if gpus == 0:
        return psutil.virtual_memory().total
    return min(gpu.total_bytes for gpu in gpus_available()[:gpus])


def settled_precision(wanted: str, gpus: int) -> tuple[str, str]:
    """The precision in which all of a campaign's trials compute, and what is to be said of it.

    That is what the recipe wants, unless one of the GPUs has no bf16: then fp32 on all of them,
    because candidates are compared with each other.
    """
    if gpus == 0 or wanted == "fp32":
        return wanted, ""
    from nas.compute import BF16_CAPABILITY  # torch

    lacking = [gpu for gpu in gpus_available()[:gpus] if gpu.capability < BF16_CAPABILITY]
    if not lacking:
        return wanted, ""
    major, minor = lacking[0].capability
    has, needs = f"{major}.{minor}", "{}.{}".format(*BF16_CAPABILITY)
    return "fp32", (
        f"trained in fp32: {lacking[0].name} has no bf16 (compute capability {has}; {needs} has it)"
    )


def check_first_gpu() -> str:
    """What is wrong with the first GPU that this process sees; nothing where it works.

    Wrong is an error of CUDA's and a wrong number. A GPU that others have taken, or its memory,
    does work. What else is raised (a library that is not there, a machine without a thread left)
    says nothing of the GPU.
    """
    import torch

    from nas.compute import out_of_memory
    from nas.faults import WrongNumberError, is_cuda_error
    from nas.hardware.smoke import smoke_kernel

    gpu = torch.device("cuda:0")
    try:
        smoke_kernel(gpu)
    except Exception as error:
        if out_of_memory(error, gpu, SHARES[0]):
            return ""
        if is_cuda_error(error) or isinstance(error, WrongNumberError):
            return one_line(error)
        raise
    return ""


def visible_device(gpu: int) -> str:
    """The CUDA_VISIBLE_DEVICES that shows one of this process's GPUs alone.

    Where this process has such a list itself, of numbers, UUIDs or MIG devices, `gpu` counts in
    that; beyond its end there is nothing to see.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return str(gpu)
    entries = [entry.strip() for entry in listed.split(",")]
    return entries[gpu] if gpu < len(entries) else ""


def share(memory_bytes: int | None, total_bytes: int) -> float | None:
    """The smallest of SHARES that holds a trial; None if it does not fit at all.

    A trial takes its tensors' `memory_bytes` and CONTEXT_BYTES. Without an estimate it gets all.
    """
    if memory_bytes is None:
        return 1.0
    need = memory_bytes + CONTEXT_BYTES
    return next((part for part in SHARES if need <= part * total_bytes), None)


def larger_share(share: float) -> float:
    """The next larger of SHARES; a whole GPU is its own."""
    return next((part for part in SHARES if part > share), 1.0)


def versions() -> dict[str, str | None]:
    """Of nas, Python and each of PACKAGES; None where one is missing."""
    return {
        "nas": nas.__version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def environment() -> dict[str, Any]:
    """What results depend on beside their candidate.

    `versions`, `platform`, `cpus`, `gpus` (names), and `commit` (None outside a checkout, `-dirty`
    behind it for one with changes).
    """
    return {
        **versions(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "gpus": [gpu.name for gpu in gpus_available()],
        "commit": _commit(Path(nas.__file__).resolve().parent.parent),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit(checkout: Path) -> str | None:
    # Only a checkout of its own: site-packages may lie inside somebody else's repository.
    if not (checkout / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=checkout,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None
