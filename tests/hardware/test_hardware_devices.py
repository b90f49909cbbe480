import json
import subprocess
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loaded_modules import loaded_by
from recorded_cuda import RecordedCuda

from nas.execute import make_executor
from nas.faults import WrongNumberError
from nas.hardware import check_gpus, device_bytes, devices, environment, settled_precision
from nas.hardware.devices import CONTEXT_BYTES, SHARES, Gpu, share, visible_device
from nas.registry import EXECUTORS
from nas.schema import ProblemError

GIB = 2**30


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        # Of 16 GiB: a quarter is 4 GiB, less 0.5 GiB of context 3.5 GiB, and so on.
        (0, 1 / 16),
        (int(0.5 * GIB), 1 / 16),
        (int(0.5 * GIB) + 1, 1 / 8),
        (int(1.5 * GIB) + 1, 0.25),
        (int(3.5 * GIB), 0.25),
        (int(3.5 * GIB) + 1, 0.5),
        (int(7.5 * GIB), 0.5),
        (int(7.5 * GIB) + 1, 1.0),
        (int(15.5 * GIB), 1.0),
        (int(15.5 * GIB) + 1, None),
        (None, 1.0),
    ],
)
def test_shares_are_quantised(need: int | None, expected: float | None) -> None:
    assert CONTEXT_BYTES == GIB // 2
    assert share(need, 16 * GIB) == expected


@given(st.integers(0, 200 * GIB), st.integers(1, 200 * GIB))
def test_a_share_is_the_smallest_that_holds(need: int, total: int) -> None:
    got = share(need, total)
    holds = [part for part in SHARES if need + CONTEXT_BYTES <= part * total]
    assert got == (min(holds) if holds else None)


@pytest.mark.parametrize(
    ("listed", "seen"),
    [
        (None, ["0", "1", "2"]),
        ("3,1", ["3", "1", ""]),
        ("GPU-8f2c, MIG-0d11", ["GPU-8f2c", "MIG-0d11", ""]),
        ("", ["", "", ""]),
    ],
)
def test_a_gpu_is_counted_among_those_this_process_sees(
    listed: str | None, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert [visible_device(gpu) for gpu in range(3)] == seen


@pytest.mark.parametrize(
    ("problem", "free", "works"),
    [
        (None, 80, True),
        ("CUDA out of memory. Tried to allocate 2.00 MiB", 0, True),  # somebody else has it all
        ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`", 0, True),
        ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED", 80, False),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR", 2, True),
        ("CUDA error: unspecified launch failure", 0, False),
        ("No CUDA GPUs are available", 80, False),
        ("CUDA error: CUDA-capable device(s) is/are busy or unavailable", 80, True),
    ],
)
def test_a_gpu_proves_that_it_works(
    problem: str | None, free: int, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = []
    cuda = RecordedCuda()
    cuda.free = free * GIB
    cuda.install(monkeypatch)

    def kernel(device: torch.device) -> None:
        requests.append(str(device))
        if problem is not None:
            raise RuntimeError(problem)

    monkeypatch.setattr("nas.hardware.smoke.smoke_kernel", kernel)
    wrong = devices.check_first_gpu()
    assert wrong == ("" if works else f"RuntimeError: {problem}")
    assert requests == ["cuda:0"]


@pytest.mark.parametrize("error", [ModuleNotFoundError("torch"), OSError(11, "no thread left")])
def test_what_is_not_the_gpu_s_says_nothing_of_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kernel(device: torch.device) -> None:
        raise error

    monkeypatch.setattr("nas.hardware.smoke.smoke_kernel", kernel)
    with pytest.raises(type(error)):
        devices.check_first_gpu()


def test_a_gpu_that_computes_wrongly_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel(device: torch.device) -> None:
        raise WrongNumberError("cuda:0 computes 1, not 2")

    monkeypatch.setattr("nas.hardware.smoke.smoke_kernel", kernel)
    assert "computes 1, not 2" in devices.check_first_gpu()


def test_gpus_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpus_available", lambda: ())
    check_gpus(0)
    with pytest.raises(ProblemError) as caught:
        check_gpus(1)
    assert str(caught.value) == (
        "--gpus: 1 GPU wanted; this machine has no GPU that torch can use — "
        "use --gpus 0, or run `nas doctor` for details"
    )


def test_gpus_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    have = (Gpu("Big", 80 * GIB), Gpu("Small", 24 * GIB))
    monkeypatch.setattr(devices, "gpus_available", lambda: have)
    check_gpus(2)
    assert device_bytes(1) == 80 * GIB
    assert device_bytes(2) == 24 * GIB  # a trial may land on either
    with pytest.raises(ProblemError, match="3 GPUs wanted; this machine has Big, Small"):
        check_gpus(3)


def test_without_gpus_the_device_is_the_machine() -> None:
    assert device_bytes(0) > 2**28


def test_the_environment_is_plain_data_and_stable() -> None:
    facts = environment()
    assert environment() == json.loads(json.dumps(facts))
    assert facts["python"].count(".") == 2
    assert facts["torch"]
    assert facts["cpus"] >= 1


def test_a_commit_is_only_that_of_the_packages_own_checkout(tmp_path: Path) -> None:
    run = {"cwd": tmp_path, "check": True, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **run)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "x"], **run)
    head = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout.decode().strip()
    assert devices._commit(tmp_path) == head
    inside = tmp_path / "site-packages"
    inside.mkdir()
    assert devices._commit(inside) is None


def test_executors_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXECUTORS.names():
        made = make_executor(name, workers=3, gpus=2)
        assert (made.workers, made.gpus) == (3, 2)
        assert made.evaluate == "nas.worker.evaluate:evaluate"
    with pytest.raises(ProblemError, match=r"no executor is called 'locl' — did you mean local\?"):
        make_executor("locl")
    with pytest.raises(ValueError, match="workers must be at least 1"):
        make_executor("local", workers=0)
    monkeypatch.setattr("nas.execute.executors.ray.find_spec", lambda name: None)
    with pytest.raises(ProblemError, match=r"Ray is not installed — type .* --executor local"):
        make_executor("ray")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        (
            "import nas.execute; nas.execute.make_executor('ray')",
            {"torch", "ray", "timm", "pandas"},
        ),
        ("import nas.campaign.run, nas.worker.evaluate", {"ray", "timm", "torchvision"}),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code: str, heavy: set[str]) -> None:
    assert not loaded_by(code) & heavy


class TestPrecision:
    NEW, OLD = Gpu("new", 24 * GIB, (8, 6)), Gpu("old", 16 * GIB, (7, 5))

    @pytest.mark.parametrize(
        ("gpus", "wanted", "settled"),
        [
            ((NEW, NEW), "auto", "auto"),
            ((NEW, OLD), "auto", "fp32"),
            ((OLD,), "bf16", "fp32"),
            ((OLD,), "fp32", "fp32"),
            ((), "auto", "auto"),
        ],
    )
    def test_all_of_a_campaign_computes_alike(
        self, monkeypatch: pytest.MonkeyPatch, gpus: tuple[Gpu, ...], wanted: str, settled: str
    ) -> None:
        monkeypatch.setattr(devices, "gpus_available", lambda: gpus)
        assert settled_precision(wanted, len(gpus))[0] == settled

    def test_what_is_not_as_requested_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "gpus_available", lambda: (self.NEW, self.OLD))
        assert settled_precision("auto", 1) == ("auto", "")
        assert settled_precision("auto", 2)[1] == (
            "trained in fp32: old has no bf16 (compute capability 7.5; 8.0 has it)"
        )
