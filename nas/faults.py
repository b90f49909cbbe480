"""Classifies exceptions: is the memory, the GPU, or the candidate itself at fault?"""

import errno
from collections.abc import Iterator

import torch

# The type of CUDA runtime errors in torch versions after 2.8; older ones raise RuntimeError.
_ACCELERATOR_ERROR: type[Exception] = getattr(torch, "AcceleratorError", torch.OutOfMemoryError)


class BuildError(Exception):
    """The rendered module fails to load, or its model fails to build. The cause is chained."""


class NonFiniteLossError(ArithmeticError):
    """A loss or a gradient became NaN or infinite."""


class WrongNumberError(ArithmeticError):
    """A device computes wrong numbers."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or one in its chain of causes, reports that memory ran out (the
    device's or the machine's) or that the device is busy; see `is_busy`."""
    return any(_is_out_of_memory(link) for link in _chain(error)) or is_busy(error)


def is_busy(error: BaseException) -> bool:
    """Whether another process has the GPU. In exclusive mode, a GPU serves one process at a
    time."""
    return any(
        (isinstance(link, RuntimeError) and _says(link, _BUSY))
        or (isinstance(link, _ACCELERATOR_ERROR) and _code(link) == _BUSY_CODE)
        for link in _chain(error)
    )


def is_cuda_error(error: BaseException) -> bool:
    """Whether an exception, or one in its chain of causes, comes from CUDA or its libraries.
    After some of these errors every later CUDA call in the process fails."""
    return any(
        isinstance(link, _ACCELERATOR_ERROR)
        or (isinstance(link, RuntimeError) and _says(link, _CUDA_ERRORS))
        for link in _chain(error)
    )


def is_library_failure(error: BaseException) -> bool:
    """Whether a CUDA library failed. These libraries often fail for want of memory without
    reporting it: see `nas.compute.out_of_memory`."""
    return any(isinstance(link, RuntimeError) and _says(link, _LIBRARIES) for link in _chain(error))


def is_accident(error: BaseException) -> bool:
    """Whether the machine may be at fault rather than the candidate: memory, threads, open files
    or disk space ran out, or CUDA failed."""
    return is_out_of_memory(error) or is_cuda_error(error) or any(map(_is_used_up, _chain(error)))


_OUT_OF_MEMORY = (
    "out of memory",  # CUDA's runtime and driver, Triton's launcher, "…OutOfMemoryError"
    "out_of_memory",
    "cudaerrormemoryallocation",
    "alloc_failed",  # CUBLAS_STATUS_, CUDNN_STATUS_, CUSOLVER_STATUS_, CUFFT_
    "allocation_failed",  # CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ and …_HOST_, from cuDNN 9 on
    # torch tries one cuDNN plan after another and swallows each plan's out-of-memory error.
    "unable to find an engine to execute this computation",
    "unable to find a valid cudnn algorithm",
    # torch's allocator asks NVML which process uses the memory, and that call may fail itself.
    "nvml_success",
    "not enough memory",  # torch's CPU allocator
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",  # C++'s only message
)
_BUSY = ("busy or unavailable", "cudaerrordevicesunavailable")
_LIBRARIES = (
    *("cudnn error", "cudnn_status_", "cudnn frontend", "cudnn_frontend"),
    *("cublas", "cusolver", "cusparse", "cufft", "curand"),
)
_CUDA_ERRORS = (
    *("cuda error", "cuda driver error", "cudaerror", "cuda_error_", "cuda unknown error"),
    *("no cuda gpus are available", "cudagetdevicecount", "found no nvidia driver"),
    *("valid cudnn algorithm", "unable to find an engine", *_BUSY, *_LIBRARIES),
    *("nccl error", "nvrtc", "nvml_"),
    *("device-side assert", "illegal memory access", "illegal instruction", "misaligned address"),
    *("launch failure", "launch timed out", "uncorrectable ecc", "triton error"),
)
_OUT_OF_MEMORY_CODE = 2
"""cudaErrorMemoryAllocation, and the driver's CUDA_ERROR_OUT_OF_MEMORY."""
_BUSY_CODE = 46
"""cudaErrorDevicesUnavailable, and the driver's CUDA_ERROR_DEVICE_UNAVAILABLE."""
_USED_UP = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""OS errors for exhausted threads, open files or disk space, and for a failing disk."""


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, _ACCELERATOR_ERROR) and _code(error) == _OUT_OF_MEMORY_CODE:
        return True
    # A kernel wants more shared memory than a block may have: Triton may choose another kernel
    # for a smaller batch.
    if _is_tritons(error):
        return _says(error, ("out of resource", *_OUT_OF_MEMORY))
    return isinstance(error, RuntimeError) and _says(error, _OUT_OF_MEMORY)


def _is_used_up(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _USED_UP
    return isinstance(error, RuntimeError) and _says(error, ("can't start new thread",))


def _code(error: BaseException) -> int | None:
    """CUDA's error number, if torch kept it."""
    code: int | None = getattr(error, "error_code", None)
    return code


def _is_tritons(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] == "triton" for kind in type(error).__mro__)


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    words = str(error).lower()
    return any(phrase in words for phrase in phrases)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and the earlier ones that a traceback would show, newest first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        if link.__cause__ is not None:
            link = link.__cause__
        else:
            link = None if link.__suppress_context__ else link.__context__
