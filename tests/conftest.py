"""What holds for the whole test suite."""

import os

import pytest

# Before torch is imported, and for child processes too: on a busy machine several threads make
# small networks 20 to 50 times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write tests/golden anew from what is rendered now, then read the diff",
    )
