"""Each check runs on the GPU where there is one; what a CPU can do of it runs everywhere.

`make cuda` is the command for a machine with a GPU. NAS_CUDA_DRY=1 runs all of it on a CPU, slowly,
as a check of the checks.
"""

import os
from collections.abc import Iterator

import pytest
import torch
from cuda_samples import whole_again

GPU = torch.cuda.is_available()
DRY = os.environ.get("NAS_CUDA_DRY") == "1"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """`cpu`, and `cuda` where torch sees a GPU."""
    if request.param == "cuda" and not GPU:
        pytest.skip("torch sees no GPU")
    return str(request.param)


@pytest.fixture(autouse=True)
def _whole_gpu() -> Iterator[None]:
    yield
    whole_again()


@pytest.fixture
def gpu() -> str:
    """`cuda`, for what takes processes of its own; `cpu` under NAS_CUDA_DRY."""
    if not GPU and not DRY:
        pytest.skip("torch sees no GPU")
    return "cuda" if GPU else "cpu"
