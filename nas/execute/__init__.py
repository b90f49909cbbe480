"""Where trials run: Ray Tune workers, spawned children, or this process."""

from importlib.util import find_spec

from nas.execute.base import Driver, Executor, Idle
from nas.execute.gpu_sandbox import GpuSandbox, NoGpuError
from nas.schema import ProblemError, UsageError, did_you_mean

__all__ = ["EXECUTORS", "Driver", "Executor", "GpuSandbox", "Idle", "NoGpuError", "make_executor"]

EXECUTORS = ("ray", "local", "inline")


def make_executor(name: str, *, workers: int = 1, gpus: int = 0) -> Executor:
    """The executor of that name.

    Raises ProblemError for an unknown name, and for `ray` where Ray is not installed.
    """
    if name == "inline":
        from nas.execute.inline import InlineExecutor

        return InlineExecutor(workers=workers, gpus=gpus)
    if name == "local":
        from nas.execute.local import LocalExecutor

        return LocalExecutor(workers=workers, gpus=gpus)
    if name == "ray":
        if find_spec("ray") is None:
            raise ProblemError(
                "Ray is not installed",
                where="--executor",
                fix="type `pip install 'ray[tune]'`, or take --executor local",
            )
        from nas.execute.ray_tune import RayExecutor

        return RayExecutor(workers=workers, gpus=gpus)
    raise UsageError(
        f"no executor is called {name!r}", where="--executor", fix=did_you_mean(name, EXECUTORS)
    )
