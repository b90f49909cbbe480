"""What holds for the whole test suite."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
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


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed must not depend on how fast a machine is: no line breaks a silence."""
    monkeypatch.setattr("nas.report.waiting.QUIET_SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def import_path() -> Iterator[None]:
    """`main` keeps the working directory off its process's path for good; tests share a process."""
    path, names = sys.path[:], ("PYTHONPATH", "PYTHONSAFEPATH")
    before = {name: os.environ.get(name) for name in names}
    yield
    sys.path[:] = path
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="session", autouse=True)
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's own consents (`nas trust`) decide what a test runs, and no test adds to them. What
    a search of a test remembers, others find: a test of consent has a configuration of its own. So
    with what is cached."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "configuration"))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture
def consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets files of a test's working directory run in place of nas's own."""
    from nas.trust import trust

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    return lambda *files: trust(files)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A real Chromium. Playwright runs once in a process, and others count its processes: so one
    for a module, gone with it."""
    from playwright.sync_api import expect, sync_playwright

    where = shutil.which("chromium") or shutil.which("chromium-browser")
    if where is None:
        why = "no chromium is installed (Debian: apt install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    expect.set_options(timeout=60_000)  # as pages are given for all else
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
