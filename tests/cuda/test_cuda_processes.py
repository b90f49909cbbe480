"""Workers on one GPU: side by side under their caps, killed, spoiled, and beside a stranger.

All of these start processes: they run on a GPU, or on a CPU under NAS_CUDA_DRY=1.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import torch
from cuda_samples import ASSERTING, SLOW, SOUND, ListDriver, finish, trial
from real_nas import nas, results, write_space

from nas.execute.executors.local import LocalExecutor
from nas.schema import CHECKPOINT, MEMORY_OF_OTHERS, Epoch, Status

pytestmark = [pytest.mark.cuda, pytest.mark.proof]


def executor(device: str, workers: int) -> LocalExecutor:
    return LocalExecutor(workers=workers, gpus=int(device == "cuda"))


def test_two_trials_of_a_search(gpu: str, tmp_path: Path) -> None:
    requests = ("--trials", "2", "--executor", "local", "--epochs", "1", "--no-controls")
    on = ("--gpus", "1", "--dataset", "digits") if gpu == "cuda" else ()
    nas("search", write_space(tmp_path), *requests, *on, cwd=tmp_path)
    assert list(results(tmp_path).values()) == ["ok", "ok"]


def test_an_assertion_on_the_device_ends_one_trial_alone(gpu: str, tmp_path: Path) -> None:
    codes = (SOUND, ASSERTING, SOUND)
    trials = [trial(tmp_path, n, code, gpu) for n, code in enumerate(codes, start=1)]
    driver = ListDriver(trials)
    executor(gpu, 1).run(driver)
    found = [driver.outcomes[n].status for n in (1, 2, 3)]
    assert found == [Status.OK, Status.CRASH, Status.OK], driver.outcomes
    assert driver.gone == []  # the GPU is sound: its worker was replaced
    assert driver.outcomes[2].needs_restart == (gpu == "cuda")


_WORKER = re.compile("spawn_main|forkserver")


def test_four_quarters_side_by_side_and_one_of_them_killed(gpu: str, tmp_path: Path) -> None:
    changes = {
        "recipe": {"epochs": 4, "batch_size": 1024},
        "memory_fraction": 0.25 if gpu == "cuda" else None,
        "checkpoint_first": True,
    }
    trials = [trial(tmp_path, n, SLOW, gpu, **changes) for n in (1, 2, 3, 4)]
    shot: list[int] = []
    seen: set[int] = set()

    def kill_one(attempt: int, epoch: Epoch) -> None:
        seen.add(attempt)
        if seen == {1, 2, 3, 4} and not shot:  # all four run
            workers = psutil.Process().children(recursive=True)
            busy = [
                w for w in workers if not w.children() and _WORKER.search(" ".join(w.cmdline()))
            ]
            shot.append(busy[0].pid)
            busy[0].kill()

    driver = ListDriver(trials, kill_one)
    executor(gpu, 4).run(driver)
    ends = sorted(outcome.status for outcome in driver.outcomes.values())
    assert ends == [Status.KILLED, Status.OK, Status.OK, Status.OK], driver.outcomes
    if gpu == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        for outcome in driver.outcomes.values():
            assert (outcome.peak_memory_bytes or 0) <= total / 4
    dead = next(n for n, outcome in driver.outcomes.items() if outcome.status is Status.KILLED)
    saved = str(tmp_path / str(dead) / CHECKPOINT)
    again = ListDriver([trial(tmp_path, 5, SLOW, gpu, **changes, resume_from=saved)])
    executor(gpu, 1).run(again)
    assert again.outcomes[5].status is Status.OK
    assert "scratch" not in again.outcomes[5].message
    assert [epoch.epoch for epoch in again.epochs[5]][-1] == 4
    assert again.epochs[5][0].epoch > 1


@contextmanager
def filled() -> Iterator[None]:
    """Another process that takes all of the GPU but 300 MiB."""
    code = (
        "import sys, torch\n"
        "free, _ = torch.cuda.mem_get_info()\n"
        "kept = torch.empty(free - 300 * 2**20, dtype=torch.uint8, device='cuda')\n"
        "print('filled', flush=True); sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", code], **pipes)  # type: ignore[call-overload]
    try:
        assert child.stdout.readline() == b"filled\n"
        yield
    finally:
        child.communicate()


def test_memory_that_a_stranger_has_is_not_the_candidate_s_fault(gpu: str, tmp_path: Path) -> None:
    if gpu == "cpu":
        pytest.skip("a CPU's memory has no shares")
    hungry = SOUND.replace("#ACTION", "self.kept = torch.empty(2**30, device=x.device)")
    with filled():
        _, outcome = finish(trial(tmp_path, 1, hungry, gpu, memory_fraction=0.25))
        assert outcome.status is Status.OOM
        assert outcome.stage in MEMORY_OF_OTHERS
    _, outcome = finish(trial(tmp_path, 2, hungry, gpu, memory_fraction=0.25))
    assert outcome.status is Status.OK, outcome.message
