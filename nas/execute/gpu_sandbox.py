"""A sandbox on a GPU that works and has room, for what a campaign does there beside its trials."""

from collections.abc import Callable

from nas.execute.base import Executor
from nas.execute.trial_process import CHECK_SECONDS, CHECKS, PAUSE_SECONDS, ask_gpu
from nas.hardware.devices import visible_device
from nas.hardware.gpu_memory import GpuMemory, MemoryReader
from nas.processes.sandbox import Answer, Sandbox
from nas.schema import ProblemError


class NoGpuError(ProblemError):
    """None of the GPUs works."""


ROOMY = 0.5
"""Share of a GPU that is room enough for what is done here."""


class GpuSandbox(Sandbox):
    """Its process sees one of the first `gpus` GPUs, as its first.

    Whenever it is made, that is the first that works among those with room, or else the one with
    the most. One that does not work, or that cannot be asked, is told of and passed over; retiring
    it is for the executor, who finds it out by itself. A call raises NoGpuError where none works.
    """

    CHECK = Executor.CHECK

    def __init__(self, gpus: int, say: Callable[[str], None] = lambda line: None) -> None:
        super().__init__()
        self._sound = list(range(gpus))
        self._say = say
        self._memory = MemoryReader(gpus)

    def _open(self) -> None:
        problem = "none is left"
        for gpu in self._in_order():
            self.visible_devices = visible_device(gpu)
            answer = self._checked()
            if not answer.ok:
                problem = answer.problem
                self._say(f"GPU {gpu} cannot be asked whether it works: {problem}")
            elif answer.value:
                self.close()
                self._sound.remove(gpu)
                self._memory.leave_out(gpu)
                problem = answer.value
                self._say(f"GPU {gpu} does not work and is passed over: {problem}")
            else:
                return
        raise NoGpuError(f"no GPU works ({problem})", fix="see what `nas doctor` says")

    def _checked(self) -> Answer[str]:
        """What is wrong with the GPU that a new process sees, asked anew if there is no answer."""
        for pause in (0.0, *[PAUSE_SECONDS] * (CHECKS - 1)):
            super()._open()
            answer = self.call(ask_gpu, self.CHECK, pause, timeout=pause + CHECK_SECONDS)
            if answer.ok:
                break
            self.close()
        return answer

    def _in_order(self) -> list[int]:
        """The sound ones: those with room, then by their room; unknown ones last."""
        if len(self._sound) < 2:
            return self._sound[:]
        look = self._memory.look(anew=True)
        return sorted(self._sound, key=lambda gpu: (_want(look[gpu]), gpu))


def _want(memory: GpuMemory | None) -> float:
    """How much a GPU lacks of being roomy, as a share of it."""
    return 1.0 if memory is None else max(0.0, ROOMY - memory.free / memory.total)
