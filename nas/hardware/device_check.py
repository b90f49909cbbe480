"""Describes devices and tests that they compute, in child processes that may crash or hang."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from nas.hardware.devices import SHARES, gpus_available, visible_device
from nas.hardware.gpu_memory import by_nvidia_smi
from nas.processes.programs import abandon, output_of

SECONDS = 120.0
"""The first use of a GPU on an idle machine takes tens of seconds."""


def check_devices(gpus: int) -> Iterator[dict[str, Any]]:
    """Checks the CPU and the first `gpus` GPUs; one dict per device.

    `device`; `problem`: its smoke kernel's exception, or None. For a GPU also, as far as known:
    `name`, `capability`, `total_bytes`, `free_bytes`, and `taken`: the exception if other processes
    use the GPU or its memory, which is not a problem of the GPU.
    """
    # As for a trial, each process sees only its own device.
    started = [_start("cuda:0", visible_device(index)) for index in range(gpus)]
    yield {"device": "cpu", "problem": None, **look("cpu")}  # in this process, which uses it anyway
    for index, process in enumerate(started):
        found = {"device": f"cuda:{index}", "problem": None, **_answer(process)}
        if "taken" in found and "free_bytes" not in found:  # no memory left for a CUDA context
            memory = by_nvidia_smi(gpus_available())[index]
            if memory is not None:
                found |= {"total_bytes": memory.total, "free_bytes": memory.free}
        yield found


def driver_version() -> str | None:
    """The NVIDIA driver's version; None if there is no driver."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return (output_of(query, 30.0) or "").partition("\n")[0].strip() or None


def _start(device: str, visible_devices: str = "") -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, device],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": visible_devices},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _answer(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        abandon(process)
        return {"problem": f"it did not answer within {SECONDS:g} s"}
    try:
        report: dict[str, Any] = json.loads(out)
        return report
    except ValueError:
        last = err.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return {"problem": f"its process ended with exit code {process.returncode}: {last}"}


def look(name: str) -> dict[str, Any]:
    """A device's properties and the result of its smoke kernel; for a GPU, in a child process."""
    import torch

    from nas.compute import out_of_memory
    from nas.hardware.smoke import smoke_kernel
    from nas.schema import one_line

    device, found = torch.device(name), dict[str, Any]()
    try:
        if device.type == "cuda":
            known = torch.cuda.get_device_properties(device)
            found["name"] = known.name
            found["capability"] = f"{known.major}.{known.minor}"
            free, total = torch.cuda.mem_get_info(device)
            found |= {"total_bytes": total, "free_bytes": free}
        smoke_kernel(device)
    except Exception as error:
        taken = device.type == "cuda" and out_of_memory(error, device, SHARES[0])
        found["taken" if taken else "problem"] = one_line(error)
    return found


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # keeps libraries' prints out of the answer
        _found = look(sys.argv[1])
    print(json.dumps(_found))  # noqa: T201
