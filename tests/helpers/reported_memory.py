"""A MemoryReader with given readings."""

from nas.hardware import GpuMemory, Look, MemoryReader


class ReportedMemory(MemoryReader):
    """Reports the given memory of each GPU, and None for a retired one."""

    def __init__(self, *memory: GpuMemory | None) -> None:
        super().__init__(0)
        self.memory = memory

    def look(self, *, anew: bool = False) -> Look:
        return self.memory

    def retire(self, gpu: int) -> None:
        super().retire(gpu)
        self.memory = (*self.memory[:gpu], None, *self.memory[gpu + 1 :])
