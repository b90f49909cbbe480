"""Memory that ran out and CUDA's errors, under all the names they have."""

import errno

import numpy as np
import pytest
import torch

from nas.faults import (
    NonFiniteLossError,
    is_accident,
    is_busy,
    is_cuda_error,
    is_library_failure,
    is_out_of_memory,
)

# As Triton names it, which is not installed everywhere.
OutOfResources = type("OutOfResources", (Exception,), {"__module__": "triton.runtime.errors"})

OUT_OF_MEMORY = [
    MemoryError(),
    np._core._exceptions._ArrayMemoryError((2**40,), np.dtype("f4")),  # type: ignore[attr-defined]
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be …"),
    OutOfResources("out of resource: shared memory, Required: 101376, Hardware limit: 65536"),
    *map(
        RuntimeError,
        (
            "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory",
            "CUDA driver error: out of memory",
            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED",
            "cuFFT error: CUFFT_ALLOC_FAILED",
            "GET was unable to find an engine to execute this computation",
            "FIND was unable to find an engine to execute this computation",
            "Unable to find a valid cuDNN algorithm to run convolution",
            "Triton Error [CUDA]: out of memory",
            "NVML_SUCCESS == r INTERNAL ASSERT FAILED at CUDACachingAllocator.cpp:1016",
            "CUDA error: CUDA_ERROR_OUT_OF_MEMORY",
            "cudaErrorMemoryAllocation",
            "std::bad_alloc",
        ),
    ),
]
BUSY = [
    torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
    RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"),
    RuntimeError("cudaErrorDevicesUnavailable"),
]
LIBRARIES = [
    *map(
        RuntimeError,
        (
            "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
            "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
            "CUDA error: CUBLAS_STATUS_INTERNAL_ERROR when calling `cublasCreate(handle)`",
            "cusolver error: CUSOLVER_STATUS_NOT_INITIALIZED, when calling `cusolverDn…`",
            "CUDA error: CUSPARSE_STATUS_INSUFFICIENT_RESOURCES when calling `cusparseCreate…`",
            "cuFFT error: CUFFT_INTERNAL_ERROR",
            "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
            "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a …",
            "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(…)`",
            "cusolver error: CUSOLVER_STATUS_EXECUTION_FAILED",
            "cuDNN Frontend error: [cudnn_frontend] Error: No execution plans support the graph.",
        ),
    ),
]
CUDA_ERRORS = [
    *LIBRARIES,
    torch.AcceleratorError("any text"),
    *map(
        RuntimeError,
        (
            "CUDA error: device-side assert triggered",
            "CUDA error: an illegal memory access was encountered",
            "CUDA error: an illegal instruction was encountered",
            "CUDA error: unspecified launch failure",
            "CUDA error: the launch timed out and was terminated",
            "CUDA error: uncorrectable ECC error encountered",
            "CUDA error: misaligned address",
            "CUDA error: no kernel image is available for execution on the device",
            "CUDA driver error: unknown error",
            "No CUDA GPUs are available",
            "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before …",
            "Unable to find a valid cuDNN algorithm to run convolution",
            "Triton Error [CUDA]: an illegal memory access was encountered",
            "unspecified launch failure",
        ),
    ),
]
NEITHER = [
    ValueError("CUDA out of memory: the words alone are not enough"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    OSError(errno.ENOSPC, "No space left on device"),
    NonFiniteLossError("the loss is not finite"),
    KeyError("memory"),
]


def named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:60]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=named)
def test_out_of_memory_has_many_names(error: BaseException) -> None:
    assert is_out_of_memory(error)
    assert is_accident(error)


@pytest.mark.parametrize("error", CUDA_ERRORS, ids=named)
def test_so_have_cuda_errors(error: BaseException) -> None:
    assert is_cuda_error(error)
    assert is_accident(error)


@pytest.mark.parametrize("error", NEITHER, ids=named)
def test_others_are_neither(error: BaseException) -> None:
    assert not is_out_of_memory(error)
    assert not is_cuda_error(error)


@pytest.mark.parametrize(
    "error", [e for e in CUDA_ERRORS if "valid cuDNN algorithm" not in str(e)], ids=named
)
def test_a_cuda_error_is_not_taken_for_want_of_memory(error: BaseException) -> None:
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", [*CUDA_ERRORS, *BUSY, *NEITHER], ids=named)
def test_a_library_that_gave_up_is_known(error: BaseException) -> None:
    assert is_library_failure(error) == (error in LIBRARIES)


@pytest.mark.parametrize("error", BUSY, ids=named)
def test_a_gpu_that_another_process_has_is_no_broken_one(error: BaseException) -> None:
    assert is_busy(error)
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [*OUT_OF_MEMORY, *CUDA_ERRORS, *NEITHER], ids=named)
def test_others_are_not_busy(error: BaseException) -> None:
    assert not is_busy(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("can't start new thread"),
        OSError(errno.EAGAIN, "Resource temporarily unavailable"),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=named,
)
def test_a_machine_that_has_no_more_of_something_is_an_accident(error: BaseException) -> None:
    assert is_accident(error)
    assert not is_out_of_memory(error)


class TestChains:
    """An out-of-memory that somebody caught and raised anew under another name."""

    @staticmethod
    def caught(outer: Exception, inner: Exception, *, how: str) -> Exception:
        try:
            try:
                raise inner
            except Exception as error:
                if how == "from":
                    raise outer from error
                if how == "from None":
                    raise outer from None
                raise outer  # noqa: B904 - the case that is tested
        except Exception as error:
            return error

    @pytest.mark.parametrize(("how", "known"), [("from", 1), ("during", 1), ("from None", 0)])
    def test_it_is_found_where_a_traceback_would_show_it(self, how: str, known: int) -> None:
        error = self.caught(ValueError("wrapped"), torch.OutOfMemoryError("CUDA"), how=how)
        assert is_out_of_memory(error) == bool(known)

    def test_not_supported_is_memory_only_where_memory_was_the_cause(self) -> None:
        words = "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"
        alone = RuntimeError(words)
        caused = self.caught(RuntimeError(words), torch.OutOfMemoryError("CUDA"), how="from")
        assert not is_out_of_memory(alone)
        assert is_out_of_memory(caused)

    def test_a_ring_ends(self) -> None:
        one, two = ValueError("one"), ValueError("two")
        one.__cause__, two.__cause__ = two, one
        assert not is_accident(one)
