from executor_contract import ExecutorContract
from scripted_driver import EVALUATE

from nas.execute import Executor
from nas.execute.executors.inline import InlineExecutor


class TestInline(ExecutorContract):
    def make(self, workers: int = 1, gpus: int = 0) -> Executor:
        return InlineExecutor(workers=workers, gpus=gpus, evaluate=EVALUATE)
