"""What a candidate can do wrong, besides exhausting the memory."""

import torch


class BuildError(Exception):
    """The rendered module does not load, or its model does not build. The cause is chained."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory, the device's or the machine's, ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _OUT_OF_MEMORY
    )


# torch raises plain RuntimeErrors where its CPU allocator, cuBLAS or cuDNN cannot allocate.
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


class NonFiniteLossError(ArithmeticError):
    """A loss or a gradient became NaN or infinite."""
