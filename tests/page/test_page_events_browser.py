"""Growth, domains and an added expert in a real Chromium, on a desk and on a phone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from events_ledger import growing, plugging, routing_domains
from ledger_maker import Maker
from page_watch import Watched, until
from playwright.sync_api import Page, expect

from nas.report.page import cards as cards_module
from nas.report.page import page as page_of

MADE: dict[str, Callable[[Path], Maker]] = {
    "growth": growing,
    "domains": routing_domains,
    "hot_plug": plugging,
}


def opened(watched: Watched, folder: Path, section: str) -> Page:
    (folder / "out.html").write_bytes(page_of(MADE[section](folder / "runs.db").ledger))
    return watched.open((folder / "out.html").as_uri())


def label(page: Page, section: str) -> str:
    return page.locator(f"[data-figure={section}] .plot").get_attribute("aria-label") or ""


@pytest.mark.parametrize("section", MADE)
def test_only_its_section_is_shown(watched: Watched, tmp_path: Path, section: str) -> None:
    page = opened(watched, tmp_path, section)
    shown = page.locator("main > section:visible").evaluate_all("all => all.map(e => e.id)")
    assert [name for name in shown if name in MADE] == [section]
    assert page.locator(f"nav [href='#{section}']").is_visible()
    assert page.locator(f"#{section} .lead").inner_text()


def test_growths_are_marked_on_the_lines(watched: Watched, tmp_path: Path) -> None:
    page = opened(watched, tmp_path, "growth")
    figure = page.locator("[data-figure=growth]")
    assert label(page, "growth").startswith("Number of experts by epoch of 5 runs of 3 variants")
    assert figure.locator(".annotation-text").all_text_contents() == ["eager", "calm", "still"]
    assert figure.locator(".point").count() == 2 * 3 + 2  # growths
    page.get_by_label("Validation accuracy, %", exact=True).check()
    until(page, "document.querySelector('#growth [aria-label^=\"Validation accuracy\"]')")
    assert figure.locator(".point").count() == 2 * 3 + 2
    page.locator("#growth summary", has_text="reason").click()
    rows = page.locator("#growth details[data-table=events] tbody tr")
    expect(rows).to_have_count(8)
    expect(rows.first.locator("[data-name=reason]")).to_have_text("<b>plateau</b>")
    assert rows.first.locator("button").count() == 0  # a replicate has no card
    page.locator("#growth summary", has_text="by epoch").click()
    expect(page.locator("#growth details[data-table=lines] tbody tr")).to_have_count(5 * 4)


def test_each_variant_has_its_matrix(watched: Watched, tmp_path: Path) -> None:
    page = opened(watched, tmp_path, "domains")
    figure = page.locator("[data-figure=domains]")
    assert label(page, "domains").startswith("Share of each domain’s images")
    assert figure.locator(".annotation-text").all_text_contents() == ["lost", "found"]
    texts = figure.locator(".heatmap-label").all_text_contents()
    assert texts == ["20", "80", "40", "60", "100", "0", "0", "100"]
    assert figure.locator(".shapelayer path").count() == 4  # the experts meant for each domain
    page.locator("#domains summary", has_text="by domain and expert").click()
    expect(page.locator("#domains details[data-table=matrix] tbody tr")).to_have_count(8)


def test_a_card_lists_its_events(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards_module, "EVENTS", 2)
    page = opened(watched, tmp_path, "growth")
    page.locator("#leaders tr.opens", has_text="eager").first.click()
    rows = page.locator("#card-events tbody tr")
    assert rows.locator("[data-name=kind]").all_inner_texts() == ["growth"] * 2
    expect(page.locator("#card-events + p")).to_have_text(
        "… and 1 more: nas show 0 --json has them."
    )
    page.locator("#card-close").click()
    page.locator("#leaders tr.opens", has_text="still").first.click()
    assert not page.locator("#card-events").is_visible()


@pytest.mark.parametrize("section", MADE)
@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_screen(
    watched: Watched, tmp_path: Path, section: str, width: int
) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = opened(watched, tmp_path, section)
    for summary in page.locator(f"#{section} summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    texts = page.locator(f"#{section} figure svg text")
    boxes = texts.evaluate_all("all => all.map(t => t.getBoundingClientRect())")
    assert bool(boxes) == (section != "hot_plug")
    assert all(box["left"] >= 0 and box["right"] <= width for box in boxes)


@pytest.mark.parametrize("section", ["growth", "domains"])
def test_it_is_drawn_again_in_the_other_colours(
    watched: Watched, tmp_path: Path, section: str
) -> None:
    watched.page.emulate_media(color_scheme="light")
    page = opened(watched, tmp_path, section)
    ink = f"getComputedStyle(document.querySelector('[data-figure={section}] .ytick text')).fill"
    assert page.evaluate(ink) == "rgb(28, 31, 35)"
    page.locator("#theme").click()
    until(page, f"{ink} === 'rgb(230, 232, 234)'")
