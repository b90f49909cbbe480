"""The guide cannot lie: each command and snippet is run, each output and picture compared.

`pytest tests/docs --regenerate-golden` writes outputs and pictures anew.
"""

import contextlib
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import guide_ledger
import pytest
from dashboard_client import ask, running
from guide import GUIDE, PICTURES, blocks, commands, rewrite
from pictures import plotted, terminal, texts
from planted_screen import planted
from playwright.sync_api import Browser, Page
from real_nas import nas
from tracked import tracked

from nas.report.page import page as page_of


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 820, "height": 800}, color_scheme="light")
    page.set_default_timeout(60_000)
    yield page
    page.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guide")
    guide_ledger.make(folder / "runs.db").ledger.close()
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guide's ledger in a working directory of its own."""
    shutil.copy(made / "runs.db", tmp_path / "runs.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def anew(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--regenerate-golden"))


def executed(code: str, namespace: dict[str, object]) -> str:
    """What a snippet prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, GUIDE.name, "exec"), namespace)
    return printed.getvalue()


def test_every_snippet_prints_what_the_guide_says(here: Path, anew: bool) -> None:
    """One after another in one namespace, as in a notebook; commands between them."""
    namespace: dict[str, object] = {}
    ran = []
    for block in blocks():
        if block.kind == "python":
            ran.append((block, executed(block.code, namespace)))
        elif "export-study" in block.code:
            nas(*block.code.split()[1:], cwd=here)
    if anew:
        rewrite({block.where: messages for block, messages in ran if block.where[0] >= 0})
    assert [b.output for b in blocks() if b.kind == "python"] == [messages for _, messages in ran]
    assert (here / "effects.html").stat().st_size > 1e6  # plotly is inside


@pytest.mark.proof
def test_its_first_command_searches(tmp_path: Path) -> None:
    first = commands()[0]
    assert first.startswith("nas search ")
    nas(*first.split()[1:], cwd=tmp_path)
    from nas.ledger import Ledger

    assert Ledger(tmp_path / "runs.db").candidates()["outcome"].tolist() == ["ok", "ok"]


@pytest.mark.proof
def test_its_other_commands_work(here: Path) -> None:
    rest = [line for line in commands()[1:] if line != "nas dashboard"]
    assert len(rest) == len(commands()) - 2
    for line in rest:
        nas(*line.split()[1:], cwd=here)
    assert (here / "study.db").exists()
    assert (here / "report.html").read_bytes().lstrip().lower().startswith(b"<!doctype html>")


def test_its_dashboard_opens(here: Path) -> None:
    assert "nas dashboard" in commands()
    with running("-m", "nas.cli", "dashboard", "--port", "0", cwd=here) as (_, port):
        answer, body = ask(port, "/")
    assert (answer.status, body.lstrip()[:9].lower()) == (200, b"<!doctype")


@pytest.mark.parametrize(
    ("name", "command"),
    [("status", "nas status"), ("family_yield", "nas report family_yield")],
)
def test_a_terminal_s_picture_shows_what_is_printed(
    name: str, command: str, here: Path, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    assert command in commands()
    made = terminal(command, monkeypatch)
    kept = PICTURES / f"{name}.svg"
    if anew:
        kept.write_text(made)
    assert texts(kept.read_text()) == texts(made)
    assert "http" not in kept.read_text().replace("http://www.w3.org/2000/svg", "")


def test_the_plot_s_picture_shows_the_plot(here: Path, page: Page, anew: bool) -> None:
    namespace: dict[str, object] = {}
    for block in blocks():
        if block.kind == "python" and "optuna" not in block.code:
            executed(block.code, namespace)
    made = plotted(here / "effects.html", page)
    kept = PICTURES / "effects.svg"
    if anew:
        kept.write_text(made)
    assert texts(kept.read_text()) == texts(made)
    assert {"convnext", "xcit"} <= set(texts(made))


@pytest.mark.proof
def test_the_page_s_picture_can_be_made(here: Path, page: Page, anew: bool) -> None:
    command = ("-m", "nas.cli", "dashboard", "--port", "0")
    with running(*command, cwd=here) as (_, port):
        page.goto(f"http://127.0.0.1:{port}/")
        page.set_viewport_size({"width": 1000, "height": 800})  # its two figures in a row
        section = page.locator("section#together")
        section.locator('.plot[aria-label*="synergies"] .main-svg').first.wait_for()
        assert (
            section.locator(".lead")
            .first.inner_text()
            .startswith("convnext and vit belong together: the pair adds +3.0 points")
        )
        picture = section.screenshot()
    if anew:
        (PICTURES / "page.png").write_bytes(picture)
    assert len(picture) < 150_000


@pytest.mark.proof
def test_the_screen_s_picture_can_be_made(tmp_path: Path, page: Page, anew: bool) -> None:
    maker = planted(tmp_path, noise=0.04, by="probe")
    (tmp_path / "out.html").write_bytes(page_of(maker.ledger))
    maker.ledger.close()
    page.goto((tmp_path / "out.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    page.mouse.move(0, 0)  # over nothing
    section = page.locator("section#screening")
    shown = section.inner_text()
    assert "6 chosen by probe and 22 controls" in shown
    picture = section.screenshot()
    if anew:
        (PICTURES / "screening.png").write_bytes(picture)
    assert len(picture) < 150_000


def test_every_picture_is_there_and_shown() -> None:
    written = "".join(path.read_text() for path in GUIDE.parent.glob("*.md"))
    shown = set(re.findall(r"!\[[^]]+\]\(pictures/([\w.]+)\)", written))
    assert shown == {path.name for path in tracked(PICTURES.iterdir())}


@pytest.fixture(autouse=True)
def _quiet_optuna() -> Iterator[None]:
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(level)
