"""Executors of trials: Ray Tune workers, spawned child processes, or this process.

To add one, put a file with a subclass of `Executor` into `executors/`: `--executor` takes its
name.
"""

from nas.execute.base import Driver, Executor, Idle
from nas.execute.gpu_sandbox import GpuSandbox, NoGpuError
from nas.registry import EXECUTORS

__all__ = ["Driver", "Executor", "GpuSandbox", "Idle", "NoGpuError", "make_executor"]


def make_executor(name: str, *, workers: int = 1, gpus: int = 0) -> Executor:
    """The executor with this name.

    Raises UsageError for an unknown name, and ProblemError if its library is not installed.
    """
    return EXECUTORS.subclass(name, Executor)(workers=workers, gpus=gpus)
