"""What a worker asks of CUDA, on a stand-in that records the calls: no kernel runs here."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from recorded_cuda import GIB, RecordedCuda
from torch.nn import functional
from train_samples import SINGLE, finish

from nas.compute import crowded, open_device, sent
from nas.data.batches import Data
from nas.faults import WrongNumberError
from nas.hardware import smoke
from nas.hardware.smoke import computes, smoke_kernel
from nas.schema import BUSY, CROWDED, MEMORY_OF_OTHERS, Status
from nas.worker import evaluate as module

CPU = torch.device("cpu")
NO_HANDLE = "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"
TAKEN = "CUDA error: CUDA-capable device(s) is/are busy or unavailable"
GPU = torch.device("cuda:1")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> RecordedCuda:
    recorded = RecordedCuda()
    recorded.install(monkeypatch)
    return recorded


class TestOpening:
    def test_the_device_comes_first_and_statistics_last(self, cuda: RecordedCuda) -> None:
        open_device(GPU)
        assert cuda.calls == [
            "set_device",
            "init",
            "empty",
            "set_per_process_memory_fraction",
            "reset_peak_memory_stats",
        ]
        assert cuda.requests["set_device"] == (GPU,)
        assert cuda.requests["set_per_process_memory_fraction"] == (1.0, GPU)

    def test_the_stand_in_refuses_statistics_first(self, cuda: RecordedCuda) -> None:
        with pytest.raises(RuntimeError, match="did you call init"):
            torch.cuda.reset_peak_memory_stats(GPU)

    def test_a_share_is_less_its_context(self, cuda: RecordedCuda) -> None:
        open_device(GPU, 0.25, context_bytes=GIB)
        # A quarter of 80 GiB, less 1 GiB that torch does not count: 19 of 80.
        assert cuda.requests["set_per_process_memory_fraction"] == (pytest.approx(19 / 80), GPU)

    def test_a_trial_opens_its_device_before_anything_else(
        self, cuda: RecordedCuda, make_trial: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reached = list[str]()

        def data(*_: Any, **__: Any) -> Any:
            reached.extend(cuda.calls)
            raise ValueError("that is all")

        monkeypatch.setattr(module.DATA, "get", data)
        monkeypatch.setattr(module, "computes", lambda device: True)
        _, outcome = finish(make_trial(SINGLE, device="cuda", memory_fraction=0.5))
        assert outcome.stage == "data"
        assert reached[:3] == ["set_device", "init", "empty"]
        assert reached[-1] == "reset_peak_memory_stats"
        assert cuda.requests["set_per_process_memory_fraction"][0] == 0.5 - 0.5 / 80


class TestCrowding:
    """An eighth of 80 GiB: 10 GiB are promised, of which 1 GiB may be anybody's context."""

    @pytest.mark.parametrize(
        ("reserved", "free", "others"),
        [
            (9.5, 60.0, False),  # used up, and there is more: the candidate is too large
            (9.5, 0.0, False),  # used up, on a full GPU
            (3.0, 6.5, False),
            (3.0, 0.1, True),  # has a third of what it was promised
            (0.0, 0.0, True),
        ],
    )
    def test_what_was_promised_and_is_not_there_is_with_others(
        self, cuda: RecordedCuda, reserved: float, free: float, others: bool
    ) -> None:
        cuda.reserved, cuda.free = int(reserved * GIB), int(free * GIB)
        assert crowded(GPU, 1 / 8, context_bytes=GIB // 2) is others

    @pytest.mark.parametrize(("free", "others"), [(40, True), (80, False), (900, False)])
    @pytest.mark.parametrize("total", [8, 12, 16])
    def test_so_it_is_with_the_smallest_share_of_a_small_gpu(
        self, cuda: RecordedCuda, total: int, free: int, others: bool
    ) -> None:
        """In per cent of what is left to tensors: 80 MiB, 256 MiB and 512 MiB; a context may be
        more than all of it."""
        cuda.total = total * GIB
        open_device(GPU, 1 / 16, context_bytes=GIB // 2)
        tensors = cuda.requests["set_per_process_memory_fraction"][0] * cuda.total
        cuda.free = int(tensors * free / 100)
        assert crowded(GPU, 1 / 16, context_bytes=GIB // 2) is others
        cuda.reserved, cuda.free = int(tensors), 0  # all of it, and it is not enough
        assert not crowded(GPU, 1 / 16, context_bytes=GIB // 2)

    def test_no_room_for_a_context_is_no_room(self, cuda: RecordedCuda) -> None:
        cuda.fault = torch.AcceleratorError("CUDA error: out of memory")
        assert crowded(GPU, 1 / 8)

    def test_a_broken_device_says_nothing(self, cuda: RecordedCuda) -> None:
        cuda.fault = torch.AcceleratorError("CUDA error: device-side assert triggered")
        assert not crowded(GPU, 1.0)

    @pytest.mark.parametrize(
        ("error", "free", "status", "stage"),
        [
            ("MemoryError('full')", 40.0, Status.OOM, "build"),
            ("MemoryError('full')", 1.0, Status.OOM, CROWDED),
            # A library that has no handle mostly had no room for it, and does not say so.
            (f"RuntimeError({NO_HANDLE!r})", 40.0, Status.CRASH, "build"),
            (f"RuntimeError({NO_HANDLE!r})", 1.0, Status.OOM, CROWDED),
            ("RuntimeError('cuFFT error: CUFFT_INTERNAL_ERROR')", 1.0, Status.OOM, CROWDED),
            (f"RuntimeError({TAKEN!r})", 40.0, Status.OOM, BUSY),
        ],
    )
    def test_its_outcome_says_whose_want_of_memory_it_was(
        self,
        cuda: RecordedCuda,
        make_trial: Any,
        monkeypatch: pytest.MonkeyPatch,
        digits: Data,
        error: str,
        free: float,
        status: Status,
        stage: str,
    ) -> None:
        cuda.free = int(free * GIB)
        monkeypatch.setattr(module.DATA, "get", lambda *_, **__: digits)
        monkeypatch.setattr(module, "computes", lambda device: True)
        code = f"def build(n):\n    raise {error}"
        _, outcome = finish(make_trial(code, device="cuda", memory_fraction=0.25))
        assert (outcome.status, outcome.stage) == (status, stage)

    @pytest.mark.parametrize("stage", ["start", "data"])
    def test_before_there_is_a_model_no_candidate_is_too_large(
        self, cuda: RecordedCuda, make_trial: Any, monkeypatch: pytest.MonkeyPatch, stage: str
    ) -> None:
        def full(*_: Any, **__: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        if stage == "start":
            cuda.fault = torch.OutOfMemoryError("CUDA out of memory")
        monkeypatch.setattr(module.DATA, "get", full)
        monkeypatch.setattr(module, "computes", lambda device: True)
        _, outcome = finish(make_trial(SINGLE, device="cuda"))
        assert (outcome.status, outcome.stage) == (Status.OOM, stage)
        assert stage in MEMORY_OF_OTHERS


def test_a_trial_computes_as_its_whole_campaign(make_trial: Any) -> None:
    trial = make_trial(SINGLE, recipe={"precision": "bf16"})
    assert module._Attempt(trial).recipe.precision == "bf16"
    assert module._Attempt(trial.with_(precision="fp32")).recipe.precision == "fp32"


class TestRestart:
    @pytest.mark.parametrize("sound", [True, False])
    def test_the_smoke_kernel_decides(
        self, cuda: RecordedCuda, make_trial: Any, monkeypatch: pytest.MonkeyPatch, sound: bool
    ) -> None:
        cuda.fault = torch.AcceleratorError("CUDA error: device-side assert triggered")
        monkeypatch.setattr(module, "computes", lambda device: sound)
        _, outcome = finish(make_trial(SINGLE, device="cuda:0"))
        assert outcome.status is Status.CRASH
        assert outcome.stage == "start"
        assert outcome.needs_restart is not sound

    def test_what_no_error_says_is_found_out_by_a_kernel(
        self, cuda: RecordedCuda, make_trial: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The candidate's own words do not matter: it is the device that is asked."""

        def data(*_: Any, **__: Any) -> Any:
            cuda.fault = torch.AcceleratorError("CUDA error: an illegal memory access")
            raise ValueError("nothing to do with the device")

        monkeypatch.setattr(module.DATA, "get", data)
        _, outcome = finish(make_trial(SINGLE, device="cuda:0"))
        assert outcome.message == "ValueError: nothing to do with the device"
        assert outcome.needs_restart
        assert cuda.calls.index("empty_cache") < cuda.calls.index("synchronize")

    @pytest.mark.parametrize("status", [s for s in Status if s.failed and s is not Status.NAN])
    def test_each_bad_end_is_followed_by_a_look(self, status: Status) -> None:
        assert status in module.SPOILING

    @pytest.mark.parametrize("status", [Status.OK, Status.PRUNED, Status.INTERRUPTED, Status.NAN])
    def test_a_good_end_is_not(self, status: Status) -> None:
        assert status not in module.SPOILING

    def test_nothing_is_looked_at_on_a_cpu(
        self, make_trial: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "computes", lambda device: False)
        _, outcome = finish(make_trial("x = 1"))
        assert outcome.status is Status.INVALID
        assert not outcome.needs_restart


class TestSmokeKernel:
    def test_it_runs_in_both_precisions_and_draws_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = list[torch.dtype]()
        step = smoke._step
        monkeypatch.setattr(smoke, "_step", lambda d, dtype: (seen.append(dtype), step(d, dtype)))
        state = torch.get_rng_state()
        smoke_kernel(CPU)
        assert seen == [torch.float32, torch.bfloat16]
        assert torch.equal(torch.get_rng_state(), state)

    def test_a_gpu_without_bf16_runs_fp32_alone(
        self, cuda: RecordedCuda, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cuda.capability = (7, 5)
        seen = list[torch.dtype]()
        monkeypatch.setattr(smoke, "_step", lambda device, dtype: seen.append(dtype))
        smoke_kernel(GPU)
        assert seen == [torch.float32]
        # What went wrong before is raised before, and what goes wrong here is waited for.
        assert [call for call in cuda.calls if call == "synchronize"] == ["synchronize"] * 2

    @pytest.mark.parametrize("broken", [lambda y: 2 * y, lambda y: y * torch.nan])
    def test_wrong_numbers_are_no_success(
        self, monkeypatch: pytest.MonkeyPatch, broken: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        conv2d = functional.conv2d
        monkeypatch.setattr(functional, "conv2d", lambda *a, **k: broken(conv2d(*a, **k)))
        with pytest.raises(WrongNumberError, match="cpu computes"):
            smoke_kernel(CPU)
        assert not computes(CPU)

    def test_it_computes_here(self) -> None:
        assert computes(CPU)


def test_what_every_step_sends_waits_for_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies from memory that is not pinned do."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: calls.append(("pinned",)) or x)
    monkeypatch.setattr(
        torch.Tensor, "to", lambda x, device, **how: calls.append((device, how)) or x
    )
    x = torch.arange(3)
    assert sent(x, GPU) is x
    assert calls == [("pinned",), (GPU, {"non_blocking": True})]
    calls.clear()
    assert sent(x, CPU) is x
    assert calls == [(CPU, {})]
