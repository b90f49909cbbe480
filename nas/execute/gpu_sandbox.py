"""A sandbox on a GPU that works and has room, for what a campaign does there beside its trials."""

from collections.abc import Callable

from nas.execute.devices import check_first_gpu, visible_device
from nas.execute.gpu_memory import GpuMemory, MemoryReader
from nas.execute.sandbox import Sandbox
from nas.execute.trial_process import CHECK_SECONDS
from nas.spec import ProblemError


class NoGpuError(ProblemError):
    """None of the GPUs works."""


ROOMY = 0.5
"""Share of a GPU that is room enough for what is done here."""


class GpuSandbox(Sandbox):
    """Its process sees one of the first `gpus` GPUs, as its first.

    Whenever it is made, that is the first that works among those with room, or else the one with
    the most. One that does not work is told of and passed over; retiring it is for the executor,
    who finds it out by itself. A call raises NoGpuError where none works.
    """

    def __init__(self, gpus: int, say: Callable[[str], None] = lambda line: None) -> None:
        super().__init__()
        self._sound = list(range(gpus))
        self._say = say
        self._memory = MemoryReader(gpus)

    def _open(self) -> None:
        problem = "none is left"
        for gpu in self._in_order():
            self.visible_devices = visible_device(gpu)
            super()._open()
            answer = self.call(check_first_gpu, timeout=CHECK_SECONDS)
            if answer.ok:
                return
            self.close()
            self._sound.remove(gpu)
            self._memory.leave_out(gpu)
            problem = answer.problem
            self._say(f"GPU {gpu} does not work and is passed over: {problem}")
        raise NoGpuError(f"no GPU works ({problem})", fix="see what `nas doctor` says")

    def _in_order(self) -> list[int]:
        """The sound ones: those with room, then by their room; unknown ones last."""
        if len(self._sound) < 2:
            return self._sound[:]
        look = self._memory.look(anew=True)
        return sorted(self._sound, key=lambda gpu: (_want(look[gpu]), gpu))


def _want(memory: GpuMemory | None) -> float:
    """How much a GPU lacks of being roomy, as a share of it."""
    return 1.0 if memory is None else max(0.0, ROOMY - memory.free / memory.total)
