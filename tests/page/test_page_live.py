"""The page as a dashboard serves it: it follows the ledger and keeps what its reader chose."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ledger_maker import Maker
from page_watch import Watched

from nas.ledger import Ledger
from nas.report.page import page, page_data, to_json


class Server:
    """Serves `/` and `/data.json` with an ETag; counts its answers by status."""

    def __init__(self, where: Path) -> None:
        self.ledger = Ledger(where)
        self.answers: list[int] = []
        self.refresh()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                made = page(server.ledger, live="data.json") if self.path == "/" else server.data
                known = self.path != "/" and self.headers["If-None-Match"] == server.tag
                if self.path != "/":
                    server.answers.append(304 if known else 200)
                self.send_response(304 if known else 200)
                self.send_header("ETag", server.tag)
                self.end_headers()
                if not known:
                    self.wfile.write(made)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/"

    def refresh(self) -> None:
        self.data = to_json(page_data(self.ledger))
        self.tag = f'"{hash(self.data)}"'


@contextmanager
def serving(where: Path) -> Iterator[Server]:
    server = Server(where)
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


@pytest.mark.proof
def test_it_follows_and_keeps_sort_filter_and_choices(maker: Maker, watched: Watched) -> None:
    for n in range(3):
        maker.trained("ant_s", "bee_s", val=0.5 + 0.1 * n, replicate=n)
    maker.trained("cat_s", "dog_s", val=0.55)
    with serving(Path(maker.path)) as server:
        page = watched.open(server.address)
        page.get_by_role("searchbox").first.fill("bee")
        page.locator('#leaders th[data-name="val_acc"] button').click()
        page.locator('#leaders th[data-name="val_acc"] button').click()  # lowest first
        page.locator("#pairs").get_by_label("Mean").check()
        page.locator("#leaders select").select_option("soft")
        page.locator("#timeline summary").click()
        row = page.locator("#leaders tbody tr")
        assert row.first.inner_text().split("\t")[1] == "50.00"
        while 304 not in server.answers:
            page.wait_for_timeout(100)
        assert row.count() == 3

        maker.trained("ant_s", "bee_m", val=0.42)
        server.refresh()
        page.wait_for_selector("#leaders tbody tr:nth-child(4)")
        assert row.first.inner_text().split("\t")[1] == "42.00"  # still lowest first
        assert page.get_by_role("searchbox").first.input_value() == "bee"
        assert page.locator("#leaders output").inner_text() == "4 of 5 match"
        assert page.locator("#leaders select").input_value() == "soft"
        assert "mean" in (page.locator("#pairs [role=img]").get_attribute("aria-label") or "")
        assert page.locator("#timeline details").get_attribute("open") is not None
        assert page.locator("#headline").inner_text().startswith("5 candidates drawn")
        assert page.locator("#live").inner_text().startswith("Live: updates every")
        assert page.title() == "first · nas dashboard"
        assert {url.removeprefix(server.address) for url in watched.requests} == {"", "data.json"}


@pytest.mark.proof
def test_it_says_when_nobody_answers_any_more(maker: Maker, watched: Watched) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    with serving(Path(maker.path)) as server:
        page = watched.open(server.address)
    page.wait_for_selector("text=Not live: the dashboard does not respond")
    assert page.locator("#leaders tbody tr").count() == 1
    watched.messages.clear()  # the browser's own line about the refused connection


@pytest.mark.proof
def test_a_campaign_begins_while_one_looks(tmp_path: Path, watched: Watched) -> None:
    Ledger(tmp_path / "runs.db", read_only=False).close()
    with serving(tmp_path / "runs.db") as server:
        page = watched.open(server.address)
        assert page.locator("h1").inner_text() == "No campaign yet"
        assert not page.locator("main").is_visible()
        maker = Maker(tmp_path / "runs.db", sampler="uniform")
        maker.trained("ant_s", "bee_s", val=0.5)
        server.refresh()
        page.wait_for_selector("#leaders tbody tr")
        assert page.locator("h1").inner_text() == "first"


def test_a_file_follows_nobody(maker: Maker) -> None:
    assert b"connect-src" not in page(maker.ledger)
    assert b"connect-src 'self'" in page(maker.ledger, live="data.json")
