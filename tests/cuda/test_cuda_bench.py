"""What the script of figures and its caller do themselves: no GPU is needed for it."""

import gc
import os
import re
import subprocess
import time
import warnings
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gpu
import paces
import psutil
import pytest
import torch
from cuda_samples import whole_again
from recorded_cuda import RecordedCuda

CHECKS = Path(gpu.__file__).with_name("gpu_checks.sh")


def test_what_torch_says_of_its_mode_is_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def reported(mode: str) -> None:
        if mode == "warn":
            warnings.warn(
                "Synchronization debug mode is a prototype feature and does not yet detect all"
                " synchronizing operations (Triggered internally at Module.cpp:1081.)",
                stacklevel=2,
            )

    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", reported)
    with gpu.synchronizations(torch.device("cuda")) as found:
        pass
    assert found == []
    with gpu.synchronizations(torch.device("cuda")) as found:
        warnings.warn(
            "called a synchronizing CUDA operation (Triggered internally at Functions.cpp:143.)",
            stacklevel=1,
        )
    assert [where.partition(":")[0] for where in found] == [Path(__file__).name]


def test_a_section_that_is_ended_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `speed` has processes of its own, each with a context on the card."""
    script, reported = tmp_path / "section.py", tmp_path / "pid"
    reported.touch()
    script.write_text(
        "import pathlib, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print('row {\"a\": 1}', flush=True)\n"
        f"pathlib.Path({str(reported)!r}).write_text(str(child.pid))\n"
        "child.wait()\n"
    )
    monkeypatch.setattr(gpu, "__file__", str(script))
    monkeypatch.setitem(gpu.SECTIONS, "device", gpu.Section(gpu.device, 1234.0))
    wait = subprocess.Popen.wait

    def until_it_is_at_work(self: "subprocess.Popen[bytes]", timeout: float | None = None) -> int:
        """As `wait`, but the section's time is over as soon as it has done what it is to do."""
        if timeout != 1234.0:
            return wait(self, timeout)
        while not reported.read_text():
            assert self.poll() is None
            time.sleep(0.05)
        raise subprocess.TimeoutExpired(self.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", until_it_is_at_work)
    found = gpu.measure("device", "cuda")
    assert found["problem"] == "not done in 1234 s"
    assert found["rows"] == [{"a": 1}]
    pid = int(reported.read_text())
    until = time.monotonic() + 20
    while _lives(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_few_steps_are_profiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gpu.SIZES, "cpu", gpu.Sizes("tiny", 1, batch=4, steps=9, processes=(1,)))
    bench = gpu.Bench("cpu")
    requests: list[int] = []
    training = bench.training

    def noted(code: str, candidate: gpu.Candidate, batches: int) -> gpu.Training:
        requests.append(batches)
        return training(code, candidate, batches)

    monkeypatch.setattr(bench, "training", noted)
    kernels, busy = gpu.profiled(bench, bench.candidates(1)[0])
    assert requests == [gpu.PROFILED]
    assert kernels > 100
    assert 0 < busy <= 1


def test_a_process_is_warm_before_its_pace_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gpu.SIZES, "cpu", gpu.Sizes("tiny", 1, batch=4, steps=1, processes=(1,)))
    done: list[Any] = []
    monkeypatch.setattr(gpu.Training, "run", lambda self: done.append("pass") or 7.0)
    orders = iter(["go", "go"])

    def reported() -> str:
        done.append("wait")
        try:
            return next(orders)
        except StopIteration:
            raise EOFError from None

    gpu._pace("cpu", SimpleNamespace(recv=reported, send=done.append))
    one = ["wait", "pass", 7.0]
    assert done == ["pass", "pass", 7.0, *one, *one, "wait"]


def test_processes_are_started_once_and_as_many_run_as_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(gpu.SIZES, "cpu", gpu.Sizes("tiny", 1, batch=4, steps=1, processes=(1, 3)))
    monkeypatch.setattr(gpu, "_pace", paces.one_of_them)
    rows = list(gpu.speed(gpu.Bench("cpu")))
    # Each says how often it has run: the warm one twice by then.
    assert rows == [
        {"processes": 1, "images_per_second": 1.0, "each": 1.0},
        {"processes": 3, "images_per_second": 4.0, "each": 1.0},
    ]


def test_a_process_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gpu.SIZES, "cpu", gpu.Sizes("tiny", 1, batch=4, steps=1, processes=(1, 2)))
    monkeypatch.setattr(gpu, "_pace", paces.one_that_dies)
    assert list(gpu.speed(gpu.Bench("cpu"))) == [{"processes": 1, "failed": "a process died"}]


def test_a_quartet_s_memory_is_measured_without_the_last_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(gpu.SIZES, "cpu", gpu.Sizes("tiny", 2, batch=4, steps=1, processes=(1,)))
    bench = gpu.Bench("cpu")
    made: list[weakref.ref[gpu.Training]] = []
    alive: list[int] = []
    training = bench.training

    def noted(code: str, candidate: gpu.Candidate, batches: int) -> gpu.Training:
        alive.append(sum(ref() is not None for ref in made))
        one: Any = training(code, candidate, batches)
        one.itself = one  # as modules do that know their parents
        made.append(weakref.ref(one))
        return cast(gpu.Training, one)

    monkeypatch.setattr(bench, "training", noted)
    gc.disable()
    try:
        assert len(list(gpu.memory(bench))) == 2
    finally:
        gc.enable()
    assert alive == [0, 0]


def test_a_share_of_the_gpu_is_one_test_s_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = RecordedCuda()
    cuda.install(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    whole_again()
    assert cuda.calls == []  # a CPU's tests start no CUDA
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    whole_again()
    assert cuda.requests["set_per_process_memory_fraction"] == (1.0, None)


def test_all_of_it_is_over_in_ten_minutes(tmp_path: Path) -> None:
    """Each part is interrupted in time, so that pytest prints what failed, and killed after."""
    reported, tool = tmp_path / "told", tmp_path / "timeout"
    tool.write_text(f'#!/bin/sh\necho "$@" >>{reported}\n')
    tool.chmod(0o755)
    folder = tmp_path / "checkout"
    (folder / "dist/wheels").mkdir(parents=True)
    (folder / "dist/wheels/a.whl").touch()
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / CHECKS.name).write_bytes(CHECKS.read_bytes())
    requests = {"DEVICE", "OUT", "PYTHON"}  # of the script that may have called this test
    env = {name: value for name, value in os.environ.items() if name not in requests}
    env["PATH"] = f"{tmp_path}{os.pathsep}{env['PATH']}"
    subprocess.run(["bash", folder / "benchmarks" / CHECKS.name], env=env, check=True)
    install, checks, figures = reported.read_text().splitlines()
    assert "pip install" in install
    assert "pytest -m cuda tests/cuda/test_cuda_processes.py tests/cuda/test_cuda_trials" in checks
    assert "benchmarks/gpu.py" in figures
    limits = []
    for line in (install, checks, figures):
        found = re.search(r"--kill-after (\d+) (\d+) ", line)
        assert found is not None, line
        limits.append((int(found[1]), int(found[2])))
    assert sum(map(sum, limits)) <= 600
    assert all(line.startswith("--signal INT ") for line in (checks, figures))
    assert sum(section.seconds for section in gpu.SECTIONS.values()) < limits[2][1]
