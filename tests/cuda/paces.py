"""Stand in for a process that says its pace, in test_cuda_bench. They need no torch, which takes
each process seconds to import."""

import os
from itertools import count
from typing import Any


def one_of_them(device: str, end: Any) -> None:
    end.send(0.0)
    for runs in count(1):
        end.recv()
        end.send(float(runs))


def one_that_dies(device: str, end: Any) -> None:
    end.send(0.0)
    end.recv()
    os._exit(1)
