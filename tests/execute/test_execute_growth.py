"""What a worker keeps of its trials: little, and not for ever."""

import platform
import subprocess
from collections.abc import Iterator

import psutil
import pytest
import torch

from nas.compute import release_memory
from nas.execute.growth import MOST_BYTES, Growth, allowance

MB = 2**20


def resident() -> int:
    size: int = psutil.Process().memory_info().rss
    return size


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="its allocator's own habit")
def test_memory_between_pieces_in_use_is_given_back() -> None:
    """Pieces too large for Python's allocator and too small for pages of their own."""
    pieces = [bytes(2000) for _ in range(40_000)]
    kept = pieces[::1000]
    full = resident()
    del pieces
    release_memory(torch.device("cpu"))
    assert len(kept) == 40
    assert full - resident() > 40 * MB


def test_growth_counts_from_the_end_of_the_first_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: Iterator[int] = iter([300 * MB, 290 * MB, 350 * MB])

    class Process:
        def __init__(self, pid: int) -> None:
            self.pid = pid

        def memory_info(self) -> "Process":
            return self

        @property
        def rss(self) -> int:
            return next(sizes)

    monkeypatch.setattr(psutil, "Process", Process)
    growth = Growth()
    assert [growth.after_trial(7) for _ in range(3)] == [0, -10 * MB, 50 * MB]


def test_a_process_that_is_gone_has_not_grown() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert Growth().after_trial(gone.pid) == 0


def test_all_workers_together_may_grow_by_a_share_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Memory:
        total = 4096 * MB

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    assert allowance(1) == 256 * MB
    assert allowance(4) == 64 * MB
    Memory.total = 10**6 * MB
    assert allowance(4) == MOST_BYTES
