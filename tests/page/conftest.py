"""Pages are tested on ledgers written as a campaign writes them, and in a real Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_maker import Maker
from page_ledger import SPACE, fill
from page_watch import Watched, watch
from playwright.sync_api import Browser

from nas.ledger import Ledger
from nas.report.page import page


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", sampler="uniform", dataset="digits")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A campaign with everything in it; tests read it only."""
    path = tmp_path_factory.mktemp("filled") / "runs.db"
    made = Maker(path, space=SPACE, name="first", sampler="uniform", dataset="digits", seed=3)
    fill(made)
    return made


@pytest.fixture(scope="session")
def file(filled: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "out.html"
    path.write_bytes(page(Ledger(filled.path)))
    return path


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    with watch(browser) as made:
        yield made
