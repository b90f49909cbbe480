"""This machine's GPUs, memory and software versions. torch is imported only when needed."""

import ctypes
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

import nas
from nas.schema import UsageError, one_line

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Possible shares of a GPU for a candidate: powers of two, which combine without waste."""

CONTEXT_BYTES = 512 * 2**20
"""GPU memory of a process besides its tensors: CUDA context, cuDNN and cuBLAS handles. torch's
memory fraction does not count it."""

PACKAGES = (
    *("torch", "torchvision", "timm", "ray", "optuna", "numpy", "scikit-learn"),
    *("sqlalchemy", "pandas", "jinja2"),
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that torch sees."""

    name: str
    total_bytes: int
    capability: tuple[int, int] = (8, 0)
    """Compute capability of its CUDA architecture."""
    uuid: str = ""


@cache
def gpus_available() -> tuple[Gpu, ...]:
    """The GPUs torch sees, in CUDA's order."""
    if not _has_driver():
        return ()
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


def _has_driver() -> bool:
    """Whether torch could see a GPU: to import it and ask takes seconds."""
    if "torch" in sys.modules or sys.platform != "linux" or Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def check_gpus(wanted: int) -> None:
    """Raises UsageError if the machine has fewer than `wanted` GPUs."""
    if wanted == 0:
        return
    have = gpus_available()
    if len(have) < wanted:
        names = ", ".join(gpu.name for gpu in have) or "no GPU that torch can use"
        raise UsageError(
            f"{wanted} GPU{'s' if wanted > 1 else ''} wanted; this machine has {names}",
            where="--gpus",
            fix=f"use --gpus {len(have)}" + ("" if have else ", or run `nas doctor` for details"),
        )


def device_bytes(gpus: int) -> int:
    """Bytes of memory of the device for trials: the smallest GPU's; with no GPU, the machine's."""
    if gpus == 0:
        return psutil.virtual_memory().total
    return min(gpu.total_bytes for gpu in gpus_available()[:gpus])


def settled_precision(wanted: str, gpus: int) -> tuple[str, str]:
    """The precision of all of a campaign's trials, and a note about it for the user ("" if none).

    It is the recipe's precision, unless one of the GPUs lacks bf16: then fp32 on all of them,
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
    """What is wrong with the first GPU that this process sees; "" if it works.

    A CUDA error or a wrong number means that it is broken. A GPU that other processes use, or whose
    memory they use, works. Any other exception (a missing library, no free threads) is raised: it
    says nothing about the GPU.
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
    """The value of CUDA_VISIBLE_DEVICES that shows only one of this process's GPUs.

    If the variable is set for this process (numbers, UUIDs or MIG devices), `gpu` is an index into
    its list; an index beyond the list gives "", no GPU.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return str(gpu)
    entries = [entry.strip() for entry in listed.split(",")]
    return entries[gpu] if gpu < len(entries) else ""


def share(memory_bytes: int | None, total_bytes: int) -> float | None:
    """The smallest of SHARES that fits a trial; None if none does.

    A trial needs `memory_bytes` for its tensors, and CONTEXT_BYTES. Without an estimate it gets a
    whole GPU.
    """
    if memory_bytes is None:
        return 1.0
    need = memory_bytes + CONTEXT_BYTES
    return next((part for part in SHARES if need <= part * total_bytes), None)


def larger_share(share: float) -> float:
    """The next larger of SHARES; 1.0 for a whole GPU."""
    return next((part for part in SHARES if part > share), 1.0)


def versions() -> dict[str, str | None]:
    """Versions of nas, Python and each of PACKAGES; None for a missing package."""
    return {
        "nas": nas.__version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def environment() -> dict[str, Any]:
    """Everything besides the candidate that results depend on.

    The entries of `versions`; `platform`, `cpus`, `gpus` (names), and `commit` (None outside a
    checkout, with the suffix `-dirty` if it has changes).
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
    # Only nas's own checkout: site-packages may lie inside another repository.
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
