"""Stands in for what looks at the memory of GPUs."""

from nas.hardware import GpuMemory, Look, MemoryReader


class ReportedMemory(MemoryReader):
    """Says of each GPU what it is told, and nothing of one that is left out from now on."""

    def __init__(self, *memory: GpuMemory | None) -> None:
        super().__init__(0)
        self.memory = memory

    def look(self, *, anew: bool = False) -> Look:
        return self.memory

    def leave_out(self, gpu: int) -> None:
        super().leave_out(gpu)
        self.memory = (*self.memory[:gpu], None, *self.memory[gpu + 1 :])
