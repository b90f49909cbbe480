"""Defaults of options that depend on the device."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.console import note, says_yes

if TYPE_CHECKING:
    from nas.schema import Space

SPACES = ("tiny", "moe4")
"""The defaults without GPUs, and with some."""
DATASETS = ("digits", "cifar10")
EXECUTORS = ("local", "ray")
"""On a CPU, Ray would train the same candidates, but takes longer to start than the first of them
to train."""
WORKERS_PER_GPU = 8
"""From a simulation with 60 % of all trials on an eighth of a GPU or less: 4 workers use 68 % of
it, 8 use 75 %, and 16 no more. A worker spends most of its time launching kernels, so more workers
need more cores too."""
WORKER_BYTES = 3 * 2**30
"""Approximate main memory of a worker on a GPU: torch, CUDA's libraries, its data set."""


def space_for(typed: str | None, gpus: int | None) -> str:
    """The given space, or the default for this number of GPUs. Prints a note if a file of this
    folder replaces nas's own."""
    from nas.space import stands_in

    space = SPACES[bool(gpus)] if typed is None else typed
    if own := stands_in(space):
        note(f"{space}: reading {own} instead of nas's own.")
    return space


def dataset_for(typed: str | None, gpus: int | None, space: "Space") -> str:
    """The given data set, or the one that the space is made for, or the default for this number of
    GPUs."""
    return (space.dataset or DATASETS[bool(gpus)]) if typed is None else typed


def executor_for(gpus: int) -> str:
    """The default executor for this number of GPUs."""
    return EXECUTORS[bool(gpus)]


def workers_for(gpus: int) -> int:
    """The default number of workers: one per CPU. With GPUs WORKERS_PER_GPU each, limited by CPUs
    and main memory, but at least one per GPU."""
    affinity = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1
    if not gpus:
        return cpus
    import psutil

    memory = psutil.virtual_memory().total // WORKER_BYTES
    return max(gpus, min(WORKERS_PER_GPU * gpus, cpus, memory))


def provide(dataset: str, root: Path) -> None:
    """Makes sure that a data set is there; on a terminal, offers to download it.

    Raises ProblemError if it is missing, with the command that downloads it.
    """
    from nas import data

    try:
        data.check(dataset, root)
    except data.NotHereError as error:
        question = f"{error.problem.what}. Download it into {root} now ({error.size})?"
        if not says_yes(question, default=True):
            raise
        data.download(dataset, root)
