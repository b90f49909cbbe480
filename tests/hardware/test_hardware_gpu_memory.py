"""What is read of GPUs' memory, with a stand-in for nvidia-smi."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from recorded_cuda import RecordedCuda

from nas.hardware import gpu_memory
from nas.hardware.devices import Gpu
from nas.hardware.gpu_memory import GpuMemory, MemoryReader, by_nvidia_smi
from nas.processes import Answer, Failure

GIB = 2**30
MIB = 2**20
GPUS = (Gpu("a", 24 * GIB, uuid="aaaa-1"), Gpu("b", 24 * GIB, uuid="GPU-bbbb-2"))


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a program of that name first on PATH that says these rows."""

    def install(gpus: str, processes: str = "") -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(
            "#!/bin/sh\ncase $1 in\n"
            f"--query-gpu=*) printf '{gpus}' ;;\n*) printf '{processes}' ;;\nesac\n"
        )
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return install


@pytest.fixture
def no_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


class TestNvidiaSmi:
    # The tool counts GPUs by their slot, CUDA by their speed: they are known by their UUID.
    ROWS = "GPU-bbbb-2, 24576, 20000\\nGPU-aaaa-1, 24576, 4096\\n"

    def test_gpus_are_known_by_their_uuid(self, nvidia_smi: Any) -> None:
        nvidia_smi(self.ROWS)
        first, second = by_nvidia_smi(GPUS)
        assert first == GpuMemory(24 * GIB, 4 * GIB)
        assert second == GpuMemory(24 * GIB, 20000 * MIB)

    def test_processes_are_ours_or_others(self, nvidia_smi: Any) -> None:
        me, other = os.getpid(), os.getppid()
        nvidia_smi(self.ROWS, f"GPU-aaaa-1, {me}, 1000\\nGPU-aaaa-1, {other}, 5000\\n")
        first, second = by_nvidia_smi(GPUS)
        assert first is not None
        assert first.ours == 1000 * MIB
        assert second is not None
        assert second.ours is None  # nobody is named there

    def test_a_container_does_not_know_the_processes(self, nvidia_smi: Any) -> None:
        unknown = 2**22 + 12345  # beyond the largest number a process can have
        nvidia_smi(self.ROWS, f"GPU-aaaa-1, {unknown}, 1000\\n")
        first, _ = by_nvidia_smi(GPUS)
        assert first is not None
        assert first.ours is None

    @pytest.mark.parametrize("messages", ["", "No devices found\\n", "GPU-aaaa-1, [N/A], [N/A]\\n"])
    def test_what_it_does_not_say_is_not_known(self, nvidia_smi: Any, messages: str) -> None:
        nvidia_smi(messages)
        assert by_nvidia_smi(GPUS) == (None, None)

    def test_nor_where_there_is_none(self, no_nvidia_smi: None) -> None:
        assert by_nvidia_smi(GPUS) == (None, None)


class TestRoom:
    def test_it_is_what_is_free_and_what_is_ours(self) -> None:
        assert GpuMemory(24, 4, ours=12).room(0.25, 1) == 16

    def test_where_nobody_is_named_it_is_ours_as_far_as_it_may_be(self) -> None:
        memory = GpuMemory(24 * GIB, 4 * GIB)  # 20 GiB are used
        assert memory.room(0.0, 0) == 4 * GIB
        # Trials with half the GPU may have 12 GiB of it, and their processes keep 2.
        assert memory.room(0.5, 2 * GIB) == (4 + 12 + 2) * GIB
        assert memory.room(1.0, 4 * GIB) == 24 * GIB
        assert memory.room(2.0, 0) == 24 * GIB


class TestReader:
    ROW = "GPU-aaaa-1, 24576, 100\\n"

    @pytest.fixture(autouse=True)
    def gpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gpu_memory, "gpus_available", lambda: GPUS)

    def test_it_looks_again_when_the_last_look_is_old(self, nvidia_smi: Any) -> None:
        time = [0.0]
        reader = MemoryReader(1, lambda: time[0])
        found = []
        for now, free, anew in ((0, 100, False), (1, 90, False), (1, 80, True), (3.5, 70, False)):
            time[0] = now
            nvidia_smi(f"GPU-aaaa-1, 24576, {free}\\n")
            (memory,) = reader.look(anew=anew)
            assert memory is not None
            found.append(memory.free // MIB)
        assert found == [100, 100, 80, 70]

    def test_a_slow_tool_is_queried_less_often(
        self, nvidia_smi: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        time, looks = [0.0], list[float]()
        smi = by_nvidia_smi

        def slow(gpus: Any) -> Any:
            looks.append(time[0])
            time[0] += 1.0
            return smi(gpus)

        nvidia_smi(self.ROW)
        monkeypatch.setattr(gpu_memory, "by_nvidia_smi", slow)
        reader = MemoryReader(1, lambda: time[0])
        for _ in range(50):
            reader.look()
            time[0] += 1.0
        assert looks == [0, 21, 42]  # a second's look, and twenty without one

    def test_without_the_tool_a_child_is_queried_seldom(
        self, no_nvidia_smi: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        requests, time = list[int](), [0.0]

        class Requests:
            def __init__(self, visible_devices: str | None, *, cuda: bool) -> None:
                assert cuda

            def __enter__(self) -> "Requests":
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def call(self, function: Any, gpus: list[int], timeout: float) -> Answer[Any]:
                assert function is gpu_memory.mem_get_info
                requests.append(len(gpus))
                return Answer([(7, 24), (9, 24)])

        monkeypatch.setattr(gpu_memory, "Sandbox", Requests)
        reader = MemoryReader(2, lambda: time[0])
        assert reader.look() == (GpuMemory(24, 7), GpuMemory(24, 9))
        time[0] = 30.0
        reader.look(anew=True)
        assert requests == [2]
        time[0] = 61.0
        reader.look()
        assert requests == [2, 2]

    @pytest.mark.parametrize("dead", ["fails", "takes all with it"])
    def test_a_broken_gpu_leaves_the_others_known(
        self, no_nvidia_smi: None, monkeypatch: pytest.MonkeyPatch, dead: str
    ) -> None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        requests: list[tuple[str | None, list[int]]] = []
        time = [0.0]

        class Requests:
            def __init__(self, visible_devices: str | None, *, cuda: bool) -> None:
                assert cuda
                self.seen = visible_devices

            def __enter__(self) -> "Requests":
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def call(self, function: Any, gpus: list[int], timeout: float) -> Answer[Any]:
                requests.append((self.seen, gpus))
                where = gpus if self.seen is None else [int(self.seen)]
                if 0 in where and dead == "takes all with it":
                    return Answer(None, Failure.DIED, "the process crashed with SIGSEGV")
                return Answer([None if gpu == 0 else (9, 24) for gpu in where])

        monkeypatch.setattr(gpu_memory, "Sandbox", Requests)
        reader = MemoryReader(2, lambda: time[0])
        assert reader.look() == (None, GpuMemory(24, 9))
        requests.clear()
        reader.retire(0)
        time[0] = 1000.0
        assert reader.look() == (None, GpuMemory(24, 9))
        assert requests == [(None, [1])]  # the retired one is left alone

    def test_what_nvidia_smi_does_not_know_a_child_is_queried_of(
        self, nvidia_smi: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nvidia_smi("GPU-bbbb-2, 24576, 20000\\n")
        monkeypatch.setattr(
            gpu_memory, "_by_child", lambda gpus: {gpu: GpuMemory(24, 5) for gpu in gpus}
        )
        assert MemoryReader(2).look() == (GpuMemory(24, 5), GpuMemory(24 * GIB, 20000 * MIB))

    def test_a_device_that_fails_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def reported(gpu: int) -> tuple[int, int]:
            if gpu == 1:
                raise torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered")
            return 5, 24

        monkeypatch.setattr(torch.cuda, "mem_get_info", reported)
        assert gpu_memory.mem_get_info([0, 1, 2]) == [(5, 24), None, (5, 24)]

    @pytest.mark.parametrize("words", ["out of memory", "device(s) is/are busy or unavailable"])
    def test_of_one_without_room_for_a_context_nothing_is_free(
        self, monkeypatch: pytest.MonkeyPatch, words: str
    ) -> None:
        cuda = RecordedCuda(total=24)
        cuda.fault = torch.AcceleratorError(f"CUDA error: {words}")
        cuda.install(monkeypatch)
        assert gpu_memory.mem_get_info([0]) == [(0, 24)]

    def test_on_a_cpu_nobody_is_queried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gpu_memory, "by_nvidia_smi", None)
        assert MemoryReader(0).look() == ()

    def test_gpus_that_are_not_there_are_not_known(self) -> None:
        assert MemoryReader(3).look() == (None, None, None)
