"""A sandbox on a working GPU with free memory, for a campaign's work other than trials."""

from collections.abc import Callable

from nas.execute.base import Executor
from nas.execute.trial_process import CHECK_SECONDS, CHECKS, PAUSE_SECONDS, check_gpu
from nas.hardware.devices import visible_device
from nas.hardware.gpu_memory import GpuMemory, MemoryReader
from nas.processes.sandbox import Answer, Sandbox
from nas.schema import ProblemError


class NoGpuError(ProblemError):
    """None of the GPUs works."""


ROOMY = 0.5
"""Share of a GPU that is enough free memory for this work."""


class GpuSandbox(Sandbox):
    """A sandbox whose process sees one of the first `gpus` GPUs as its first.

    Each new process gets the first working GPU with enough free memory, or else the one with the
    most. A GPU that does not work or cannot be checked is reported through `on_message` and
    skipped; only the executor, which checks for itself, retires GPUs. A call raises NoGpuError if
    none works.
    """

    CHECK = Executor.CHECK

    def __init__(self, gpus: int, on_message: Callable[[str], None] = lambda line: None) -> None:
        super().__init__()
        self._sound = list(range(gpus))
        self._on_message = on_message
        self._memory = MemoryReader(gpus)

    def _open(self) -> None:
        problem = "none is left"
        for gpu in self._in_order():
            self.visible_devices = visible_device(gpu)
            answer = self._checked()
            if not answer.ok:
                problem = answer.problem
                self._on_message(f"GPU {gpu} cannot be checked: {problem}")
            elif answer.value:
                self.close()
                self._sound.remove(gpu)
                self._memory.retire(gpu)
                problem = answer.value
                self._on_message(f"GPU {gpu} does not work and is skipped: {problem}")
            else:
                return
        raise NoGpuError(f"no GPU works ({problem})", fix="run `nas doctor` for details")

    def _checked(self) -> Answer[str]:
        """What is wrong with the GPU of a new process, "" if nothing; retried without an answer."""
        for pause in (0.0, *[PAUSE_SECONDS] * (CHECKS - 1)):
            super()._open()
            answer = self.call(check_gpu, self.CHECK, pause, timeout=pause + CHECK_SECONDS)
            if answer.ok:
                break
            self.close()
        return answer

    def _in_order(self) -> list[int]:
        """Working GPUs: those with enough memory first, then by free memory; unknown ones last."""
        if len(self._sound) < 2:
            return self._sound[:]
        look = self._memory.look(anew=True)
        return sorted(self._sound, key=lambda gpu: (_want(look[gpu]), gpu))


def _want(memory: GpuMemory | None) -> float:
    """The share of a GPU that is missing from ROOMY; 0 if enough is free."""
    return 1.0 if memory is None else max(0.0, ROOMY - memory.free / memory.total)
