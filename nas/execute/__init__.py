"""Where trials run: Ray Tune workers, spawned children, or this process.

To add a place, put a file with a subclass of `Executor` into `executors/`: `--executor` takes its
name.
"""

from nas.execute.base import Driver, Executor, Idle
from nas.execute.gpu_sandbox import GpuSandbox, NoGpuError
from nas.registry import EXECUTORS

__all__ = ["Driver", "Executor", "GpuSandbox", "Idle", "NoGpuError", "make_executor"]


def make_executor(name: str, *, workers: int = 1, gpus: int = 0) -> Executor:
    """The executor of that name.

    Raises UsageError for an unknown name, and ProblemError for one whose library is not installed.
    """
    return EXECUTORS.subclass(name, Executor)(workers=workers, gpus=gpus)
