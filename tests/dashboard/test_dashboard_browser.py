"""The live page in a real browser: it follows the campaign without being asked."""

from pathlib import Path

import pytest
from ledger_maker import Maker
from playwright.sync_api import Browser, expect
from test_dashboard_server import served


@pytest.mark.proof
def test_a_new_candidate_appears_by_itself(maker: Maker, browser: Browser, tmp_path: Path) -> None:
    maker.trained("ant_s", "bee_s", val=0.9, inside=(0.8, 0.7))
    with served(maker) as port:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        wrong: list[str] = []
        requests: set[str] = set()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("request", lambda request: requests.add(request.url))
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.locator("body")).to_contain_text("1 candidate drawn")
        page.evaluate("window.same = true")
        maker.trained("ant_s", "cat_s", val=0.95)
        expect(page.locator("body")).to_contain_text("2 candidates drawn")
        expect(page.locator("body")).to_contain_text("95.00")
        assert page.evaluate("window.same")  # not loaded anew
        assert wrong == []
        of_others = [
            url
            for url in requests
            if not url.startswith((f"http://127.0.0.1:{port}/", "data:", "blob:"))
        ]
        assert of_others == []
        page.screenshot(path=tmp_path / "live.png", full_page=True)
        page.close()
