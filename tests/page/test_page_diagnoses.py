"""What instruments found, on the cards of candidates: as data, and in a real Chromium."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from diagnosed_ledger import LINE, SIDES, diagnosed
from ledger_maker import Maker
from page_watch import Watched, until
from playwright.sync_api import Page, expect
from rich.console import Console

from nas.report.page import page as page_of
from nas.report.page import page_data, to_json
from nas.report.show import details, shown


def cards_of(maker: Maker) -> tuple[list[str], dict[str, Any]]:
    """The keys, best first, and the cards."""
    data = json.loads(to_json(page_data(maker.ledger)))
    return data["sections"]["leaders"]["table"]["values"]["key"], data["cards"]


def test_a_card_lists_what_nas_show_lists(tmp_path: Path) -> None:
    maker = diagnosed(tmp_path / "runs.db")
    keys, cards = cards_of(maker)
    assert list(cards["diagnoses"]) == keys[:2]
    rows = cards["diagnoses"][keys[0]]
    assert rows[:3] == [
        ["latency", "time, batch of 8: quartiles", "1.00 / 1.50 / 2.00 ms"],
        ["latency", "1 more", "nas report diagnose -f csv"],
        ["oracle", None, "does not apply: it has <b>no</b> experts"],
    ]
    assert [row[1] for row in rows if row[0] == "routing"] == [
        *(f"figure_{n:02}" for n in range(8)),
        "12 more",
    ]
    console = Console(file=StringIO(), width=2000, record=True)
    console.print(shown(details(maker.ledger, keys[0])))
    printed = [line.split() for line in console.export_text().splitlines()]
    assert all(" ".join(row).split() in printed for row in rows if None not in row)


def test_a_card_has_the_loss_near_the_weights(tmp_path: Path) -> None:
    keys, cards = cards_of(diagnosed(tmp_path / "runs.db"))
    assert list(cards["surfaces"]) == keys[:2]
    both, lines = (cards["surfaces"][key] for key in keys[:2])
    assert set(lines) == {"eigenvector", "random"}
    assert lines["random"][0] == [2 * alpha for alpha in LINE]
    assert [losses[10] for losses in lines["random"]] == [0, 0.25, 0.5]
    sides, rows = both["plane"]
    assert sides == list(SIDES)
    assert rows[0][8] == 0.25 + 1 + 2  # α = −1, β = 1
    assert rows[8][0] == 0.25 + 1 - 2


def test_without_diagnoses_there_are_none(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    _, cards = cards_of(maker)
    assert cards["diagnoses"] == cards["surfaces"] == {}


def opened(watched: Watched, folder: Path) -> Page:
    (folder / "out.html").write_bytes(page_of(diagnosed(folder / "runs.db").ledger))
    page = watched.open((folder / "out.html").as_uri())
    open_card(page, 0)
    return page


def open_card(page: Page, place: int) -> None:
    page.locator("#leaders tr.opens button").nth(place).click()


@pytest.mark.parametrize("width", [390, 1400])
def test_the_card_shows_them(watched: Watched, tmp_path: Path, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    watched.page.emulate_media(color_scheme="dark")
    page = opened(watched, tmp_path)
    reason = page.locator("#card-diagnoses tbody tr", has_text="oracle").locator(
        "[data-name=finding]"
    )
    expect(reason).to_have_text("does not apply: it has <b>no</b> experts")
    figure = page.locator("#card-surface figure")
    expect(figure.locator(".scatterlayer .trace")).to_have_count(4)
    expect(figure.locator(".heatmaplayer image")).to_have_count(1)
    assert (figure.locator(".plot").get_attribute("aria-label") or "").startswith("Loss in nats")
    for axis in ("y", "y2", "y3"):  # each panel has a scale of its own
        assert figure.locator(f".{axis}tick text").count() > 1
    ink = "getComputedStyle(document.querySelector('#card-surface .ytick text')).fill"
    assert page.evaluate(ink) == "rgb(230, 232, 234)"
    page.locator("#card-surface summary").click()
    expect(page.locator("#card-surface tbody tr")).to_have_count(2 * 21 + 81)
    inside = page.locator("#card .body")
    assert inside.evaluate("e => e.scrollWidth <= e.clientWidth")
    box = inside.bounding_box()
    assert box
    edges = figure.locator("svg text").evaluate_all(
        "all => all.map(t => t.getBoundingClientRect())"
    )
    assert all(box["x"] <= e["left"] and e["right"] <= box["x"] + box["width"] for e in edges)


def test_each_card_shows_its_own(watched: Watched, tmp_path: Path) -> None:
    page = opened(watched, tmp_path)
    page.locator("#card-surface summary").click()
    page.locator("#card-close").click()
    open_card(page, 1)
    until(page, "!document.querySelector('#card-surface .heatmaplayer image')")
    page.locator("#card-surface summary").click()
    expect(page.locator("#card-surface tbody tr")).to_have_count(2 * 21)
    page.locator("#card-close").click()
    open_card(page, 2)
    assert page.locator("#card-curves").is_visible()
    assert not page.locator("#card-diagnoses").is_visible()
    assert not page.locator("#card-surface").is_visible()
