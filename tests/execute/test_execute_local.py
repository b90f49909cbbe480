from executor_contract import EVALUATE, ProcessContract

from nas.execute import Executor
from nas.execute.local import LocalExecutor


class TestLocal(ProcessContract):
    def make(self, workers: int = 1, gpus: int = 0) -> Executor:
        return LocalExecutor(workers=workers, gpus=gpus, evaluate=EVALUATE)
