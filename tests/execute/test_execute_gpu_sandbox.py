"""Where a campaign probes and measures: on a GPU that works, with room."""

from pathlib import Path
from typing import Any

import fake_evaluate as fake
import pytest

from nas.execute import GpuSandbox, NoGpuError, gpu_sandbox
from nas.hardware import GpuMemory, Look, MemoryReader
from nas.processes import Answer, Sandbox


class Known(MemoryReader):
    """Reports given memory: free parts of 100 by GPU, None if unknown."""

    free: tuple[int | None, ...] = ()

    def look(self, *, anew: bool = False) -> Look:
        return tuple(None if part is None else GpuMemory(100, part) for part in self.free)


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imaginary GPUs with a fake check; see fake_evaluate."""
    monkeypatch.setattr(GpuSandbox, "CHECK", "fake_evaluate:check")
    monkeypatch.setattr(gpu_sandbox, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(gpu_sandbox, "MemoryReader", Known)


@pytest.mark.parametrize(
    ("listed", "free", "chosen", "passed_over"),
    [
        ("good,other", (90, 99), "good", []),
        ("good,other", (10, 60), "other", []),
        ("good,other", (10, 20), "other", []),
        ("good,other", (None, 20), "other", []),
        ("dead,good", (90, 0), "good", [0]),
        ("dead,dead other,good", (90, 90, 90), "good", [0, 1]),
        ("good", (), "good", []),
    ],
)
def test_the_first_that_works_and_has_room(
    monkeypatch: pytest.MonkeyPatch,
    listed: str,
    free: tuple[int | None, ...],
    chosen: str,
    passed_over: list[int],
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    monkeypatch.setattr(Known, "free", free)
    messages: list[str] = []
    with GpuSandbox(len(listed.split(",")), messages.append) as sandbox:
        assert sandbox.call(fake.device).value == chosen
        first = sandbox.call(fake.pid).value
        assert sandbox.call(fake.pid).value == first
        sandbox.close()
        assert sandbox.call(fake.device).value == chosen
    over = [f"GPU {gpu} does not work and is skipped" for gpu in passed_over]
    assert [line.partition(":")[0] for line in messages] == over


def test_it_is_chosen_anew_when_others_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "first,second")
    monkeypatch.setattr(Known, "free", (90, 90))
    with GpuSandbox(2) as sandbox:
        assert sandbox.call(fake.device).value == "first"
        monkeypatch.setattr(Known, "free", (1, 90))
        assert sandbox.call(fake.device).value == "first"  # no process is left for nothing
        sandbox.close()
        assert sandbox.call(fake.device).value == "second"


def test_where_none_works_it_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "dead")
    messages: list[str] = []
    with GpuSandbox(1, messages.append) as sandbox:
        for _ in range(2):
            with pytest.raises(NoGpuError, match="no GPU works"):
                sandbox.call(fake.device)
    assert messages == ["GPU 0 does not work and is skipped: dead is dead"]


@pytest.mark.parametrize("accident", ["killed", "hangs", "raises"])
def test_one_that_cannot_be_queried_is_queried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, accident: str
) -> None:
    requests = tmp_path / "asked"
    name = f"{accident} once {requests}"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
    call = Sandbox.call

    def hurried(sandbox: Sandbox, *args: Any, timeout: float = 300.0) -> Answer[Any]:
        hangs = args[0] is gpu_sandbox.check_gpu and not requests.exists()
        return call(sandbox, *args, timeout=2.0 if hangs else timeout)

    if accident == "hangs":
        monkeypatch.setattr(GpuSandbox, "call", hurried)
    messages: list[str] = []
    with GpuSandbox(1, messages.append) as sandbox:
        assert sandbox.call(fake.device).value == name
    assert messages == []


def test_one_that_can_never_be_queried_is_passed_over_for_this_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "unasked killed")
    messages: list[str] = []
    with GpuSandbox(1, messages.append) as sandbox:
        with pytest.raises(NoGpuError, match="killed by SIGKILL"):
            sandbox.call(fake.device)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "good")
        assert sandbox.call(fake.device).value == "good"
    assert [line.partition(":")[0] for line in messages] == ["GPU 0 cannot be checked"]
