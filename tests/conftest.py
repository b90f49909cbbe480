"""What holds for the whole test suite."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from nas.working_time import WorkingTime

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Before torch is imported, and for child processes too: on a busy machine several threads make
# small networks 20 to 50 times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def working_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What `awake` goes by in this process: `[0]` is the monotonic clock's seconds."""
    now = [1000.0]
    monkeypatch.setattr("nas.working_time._clock", WorkingTime(lambda: now[0]))
    return now


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A real Chromium. Playwright runs once in a process, and others count its processes: so one
    for a module, gone with it."""
    from playwright.sync_api import sync_playwright

    where = shutil.which("chromium") or shutil.which("chromium-browser")
    if where is None:
        why = "no chromium is installed (Debian: apt install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        yield launched
        launched.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write tests/golden anew from what is rendered now, then read the diff",
    )
