"""Small trials on the digits, and a driver that hands them out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from nas.execute import Idle
from nas.schema import Candidate, Epoch, Outcome, Recipe, Task, Trial
from nas.worker.evaluate import evaluate

SOUND = '''"""A small network with everything that CUDA does its own way."""

import time

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.0), nn.Linear(16 * 64, num_classes),
        )

    def forward(self, x):
        #ACTION
        return self.body(x)


def build(num_classes):
    return Net(num_classes)
'''
HUNGRY = SOUND.replace(
    "#ACTION",
    """if not x.is_cuda:
            raise torch.OutOfMemoryError("CUDA out of memory. (No: this is a CPU.)")
        self.kept = torch.empty(torch.cuda.mem_get_info()[1] // 4, dtype=torch.uint8, device=0)""",
)
"""Wants a quarter of the GPU beyond what it has."""
ASSERTING = SOUND.replace(
    "#ACTION", "x = x + torch.zeros(3, device=x.device)[torch.full((1,), 7, device=x.device)]"
)
"""Reads beyond a tensor: an IndexError on a CPU, a device-side assertion on a GPU."""
SLOW = SOUND.replace("#ACTION", "time.sleep(0.3)")


def trial(folder: Path, attempt: int, code: str, device: str, **changes: Any) -> Trial:
    """An attempt at one candidate on digits of 8 pixels; keyword arguments change it."""
    recipe = {"epochs": 2, "batch_size": 256, "lr": 3e-3, "precision": "fp32", "mixup_alpha": 0.0}
    candidate = Candidate(
        template="single",
        template_hash="0",
        image_size=8,
        channels=3,
        recipe=Recipe(**recipe | changes.pop("recipe", {})),
        task=Task(dataset="digits"),
    )
    return Trial(
        attempt=attempt,
        candidate=candidate,
        code=code,
        folder=str(folder / str(attempt)),
        stop_file=str(folder / "stop"),
        data_root=str(folder),
        device=device,
        **changes,
    )


def finish(one: Trial) -> tuple[list[Epoch], Outcome]:
    """Runs a trial to its end in this process."""
    *epochs, outcome = evaluate(one)
    assert isinstance(outcome, Outcome)
    return [epoch for epoch in epochs if isinstance(epoch, Epoch)], outcome


def whole_again() -> None:
    """Takes back the share of the GPU that a trial set in this process: it is no other test's."""
    if torch.cuda.is_initialized():
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


class ListDriver:
    """Hands trials out in their order and keeps what becomes of each, by attempt."""

    abort = False

    def __init__(
        self, trials: Sequence[Trial], on_epoch: Callable[[int, Epoch], None] = lambda n, e: None
    ) -> None:
        self.waiting = list(trials)
        self.on_epoch = on_epoch
        self.epochs: dict[int, list[Epoch]] = {one.attempt: [] for one in trials}
        self.outcomes: dict[int, Outcome] = {}
        self.gone: list[str] = []

    def next(self) -> Trial | Idle:
        return self.waiting.pop(0) if self.waiting else Idle.DONE

    def started(self, attempt: int) -> None:
        pass

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        self.epochs[attempt].append(epoch)
        self.on_epoch(attempt, epoch)
        return True

    def done(self, attempt: int, outcome: Outcome) -> None:
        self.outcomes[attempt] = outcome

    def retired(self, gpu: int, why: str) -> None:
        self.gone.append(why)

    def tick(self) -> None:
        pass
