from collections.abc import Iterator

import pytest
from executor_contract import EVALUATE, ProcessContract

from nas.execute import Executor
from nas.execute.ray_session import ray_session
from nas.execute.ray_tune import RayExecutor

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def _session() -> Iterator[None]:
    with ray_session(workers=2, gpus=1):
        yield


class TestRay(ProcessContract):
    def make(self, workers: int = 1, gpus: int = 0) -> Executor:
        return RayExecutor(workers=workers, gpus=gpus, evaluate=EVALUATE)
