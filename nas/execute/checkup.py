"""What a device is and whether it computes; a GPU is asked by a process that may crash or hang."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from nas.execute.tools import abandon, said

SECONDS = 120.0
"""The first use of a GPU on a cold machine takes tens of seconds."""


def check_devices(gpus: int) -> Iterator[dict[str, Any]]:
    """Looks at the CPU and at each of so many GPUs: one dict a device.

    `device`, and `problem`: what its smoke kernel raised, or None. What its process could still
    say: `name`, `capability`, `total_bytes` and `free_bytes` of a GPU.
    """
    started = [(name, _start(name)) for name in (f"cuda:{index}" for index in range(gpus))]
    yield {"device": "cpu", "problem": None, **look("cpu")}  # this process lives by it anyhow
    for name, process in started:
        yield {"device": name, "problem": None, **_answer(process)}


def driver_version() -> str | None:
    """Of the NVIDIA driver; None where there is none."""
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return (said(asked, 30.0) or "").partition("\n")[0].strip() or None


def _start(device: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, device],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _answer(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        abandon(process)
        return {"problem": f"it did not answer in {SECONDS:g} s"}
    try:
        told: dict[str, Any] = json.loads(out)
        return told
    except ValueError:
        last = err.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return {"problem": f"its process ended with {process.returncode}: {last}"}


def look(name: str) -> dict[str, Any]:
    """What a device is, and what the smoke kernel says; for a GPU, in a child process."""
    import torch

    from nas.spec import one_line
    from nas.train.smoke import smoke_kernel

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
        found["problem"] = one_line(error)
    return found


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # what libraries print is no answer
        _found = look(sys.argv[1])
    print(json.dumps(_found))  # noqa: T201
