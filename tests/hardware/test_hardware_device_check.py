"""What `nas doctor` says of devices: computing, failing, crashed and hanging ones."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from real_nas import inside
from recorded_cuda import GIB, RecordedCuda

from nas.hardware import GpuMemory, device_check


def test_a_cpu_computes() -> None:
    assert list(device_check.check_devices(0)) == [{"device": "cpu", "problem": None}]


@pytest.mark.proof
def test_a_child_answers_for_its_device() -> None:
    assert device_check._answer(device_check._start("cpu")) == {}
    failed = device_check._answer(device_check._start("cuda:9"))
    assert set(failed) == {"problem"}  # without a GPU, or without ten
    assert failed["problem"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "import os, sys; print('one\\ntwo', file=sys.stderr); os._exit(3)",
            "ended with exit code 3: two",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with exit code -11"),
        ("import time; time.sleep(60)", "did not answer"),
    ],
)
def test_a_child_that_does_not_answer(
    code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_check, "SECONDS", 0.5 if "sleep" in code else 60.0)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", code], **pipes)  # type: ignore[call-overload]
    assert words in device_check._answer(child)["problem"]
    assert child.returncode is not None


@pytest.mark.parametrize("words", ["out of memory", "device(s) is/are busy or unavailable"])
@pytest.mark.parametrize("reported", [True, False])
def test_a_gpu_that_others_have_is_no_broken_one(
    monkeypatch: pytest.MonkeyPatch, words: str, reported: bool
) -> None:
    cuda = RecordedCuda()
    cuda.fault = torch.AcceleratorError(f"CUDA error: {words}")
    cuda.install(monkeypatch)
    requests: list[str] = []

    def start(device: str, visible_devices: str) -> Any:
        requests.append(visible_devices)
        return device

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    monkeypatch.setattr(device_check, "_start", start)
    monkeypatch.setattr(device_check, "_answer", device_check.look)
    monkeypatch.setattr(device_check, "gpus_available", lambda: ("a", "b"))
    memory = (None, GpuMemory(80 * GIB, GIB)) if reported else (None, None)
    monkeypatch.setattr(device_check, "by_nvidia_smi", lambda gpus: memory)
    _, first, second = device_check.check_devices(2)
    assert requests == ["GPU-a", "GPU-b"]  # each sees its own alone
    assert first["problem"] is None
    assert words in first["taken"]
    assert second.get("free_bytes") == (GIB if reported else None)


def test_the_driver_s_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 570.133.20\necho 570.133.20\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert device_check.driver_version() == "570.133.20"
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert device_check.driver_version() is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert device_check.driver_version() is None


def test_the_doctor_fails_where_a_device_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = {"device": "cuda:0", "name": "H100", "capability": "9.0", "problem": None}
    memory = {"total_bytes": 80 * 2**30, "free_bytes": 60 * 2**30}
    taken = {**gpu, "device": "cuda:1", "taken": "CUDA error: out of memory"}
    found = [{"device": "cpu", "problem": None}, gpu | memory, taken | memory]
    monkeypatch.setattr(device_check, "check_devices", lambda gpus: iter(found))
    done = inside("doctor", cwd=tmp_path)
    assert done.returncode == 0
    messages = " ".join(done.stdout.split())
    known = "H100, capability 9.0, 60.0 of 80.0 GiB free"
    assert f"cuda:0, {known}, computes" in messages
    assert f"cuda:1, {known}, is in use by other programs: CUDA error" in messages
    found[1] = gpu | {"problem": "AcceleratorError: unspecified launch failure"}
    done = inside("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "does not compute: AcceleratorError" in done.stdout
