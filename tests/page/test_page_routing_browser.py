"""Effects of settings and routing in a real Chromium, on a desk and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import routing_ledger
from page_watch import Watched, until, watch
from playwright.sync_api import Browser, Page, expect
from routing_ledger import LABELS, NAME, SPACE, WORST, campaign

from nas.ledger import Ledger
from nas.report.page import page as page_of

FIGURES = ("arm_effects", "use", "routing_epochs")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("routing")
    made = campaign(folder / "runs.db")
    (folder / "out.html").write_bytes(page_of(Ledger(made.path)))
    return folder / "out.html"


@pytest.fixture(scope="module")
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    with watch(browser) as watched:
        yield watched.open(file.as_uri())


def label(page: Page, figure: str) -> str:
    return page.locator(f"[data-figure={figure}] .plot").get_attribute("aria-label") or ""


def test_they_follow_the_arms(opened: Page) -> None:
    shown = opened.locator("main > section:visible").evaluate_all("all => all.map(e => e.id)")
    assert shown[:4] == ["arms", "arm_effects", "routing", "best"]
    assert "gates" not in shown  # there is no mixture
    links = opened.locator("nav a:visible").all_inner_texts()
    assert links[:4] == ["Arms", "Effects", "Routing", "Best"]
    assert "recipe.losses.z 0.0 → 0.2" in opened.locator("#arm_effects .lead").inner_text()
    assert f"Dead experts: {NAME}" in opened.locator("#routing .lead").inner_text()
    assert opened.locator("#arm_effects .note").inner_text().count("each setting)") == 1


def test_other_sections_speak_of_arms(opened: Page) -> None:
    for section in ("coverage", "failures"):
        text = opened.locator(f"#{section} > p").first.inner_text()
        assert "an arm" in text
        assert "famil" not in text


def test_effects_are_drawn_against_zero(opened: Page) -> None:
    figure = opened.locator("[data-figure=arm_effects]")
    assert label(opened, "arm_effects").startswith(
        "Effects of 2 settings with 95 % intervals: change of validation accuracy"
    )
    assert figure.locator(".ytick text").all_text_contents() == [
        "moe: expertsdoubled",
        "moe: z0.0 → 0.2",
    ]
    colours = figure.locator(".point").evaluate_all("all => all.map(p => p.style.fill)")
    assert len(set(colours)) == 2  # one is above zero, the other below
    opened.get_by_label("Imbalance", exact=True).check()
    until(opened, "document.querySelector('#arm_effects [aria-label*=\"change of imbalance\"]')")
    opened.get_by_label("Loss gap", exact=True).check()
    expect(figure).to_contain_text("or this was not measured.")
    opened.get_by_label("Validation accuracy", exact=True).first.check()


def test_each_expert_has_its_part_of_a_bar(opened: Page) -> None:
    figure = opened.locator("[data-figure=use]")
    assert label(opened, "use").startswith("Shares of the experts of 6 variants")
    assert figure.locator(".point").count() == 2 * (2 + 4 + 8)
    assert figure.locator(".annotation-text").all_text_contents() == ["0.5 dead"]
    choose = opened.locator("#routing select")
    assert choose.locator("option").all_text_contents() == ["all layers", "moe1", "moe2"]
    opened.locator("#routing summary", has_text="Shares").click()
    table = opened.locator("#routing details[data-table=use]")
    choose.select_option("moe2")
    expect(figure.locator(".annotation-text")).to_have_text("1 dead")
    row = table.locator("tbody tr").nth(LABELS.index(WORST))
    expect(row.locator("[data-name=busiest]")).to_have_text("50.00")
    choose.select_option("moe1")
    expect(figure.locator(".annotation-text")).to_have_count(0)


def test_each_variant_has_a_panel(opened: Page) -> None:
    figure = opened.locator("[data-figure=routing_epochs]")
    assert figure.locator(".scatterlayer .trace").count() == 4 * len(LABELS)
    names = figure.locator(".annotation-text").all_text_contents()
    assert names[LABELS.index(WORST)] == "moeexperts=8z=0"  # on lines of their own
    legend = figure.locator(".legendtext").all_text_contents()
    assert legend == [
        "load entropy, validation",
        "training",
        "router entropy, validation",
        "training",
    ]


def test_tables_hold_what_is_drawn(opened: Page) -> None:
    heads = opened.locator("#routing > [data-table=table] th").all_inner_texts()
    assert {"Load entropy", "Router entropy", "Imbalance", "Dead experts"} <= set(heads)
    assert "Dropped %" not in heads  # nothing was dropped: no layer has a capacity
    for section in ("arm_effects", "routing"):
        for details in opened.locator(f"#{section} details").all():
            if details.get_attribute("open") is None:
                details.locator("summary").click()
            expect(details.locator("tbody tr").first).to_be_visible()


def test_a_card_shows_its_routing(watched: Watched, file: Path) -> None:
    page = watched.open(file.as_uri())
    page.locator("#leaders tr.opens", has_text=WORST).first.click()
    rows = page.locator("#card-routing tbody tr")
    assert rows.locator("[data-name=layer]").all_inner_texts() == ["moe1", "moe2"]
    assert rows.locator("[data-name=dead]").all_inner_texts() == ["0.00", "1.00"]
    page.locator("#card-close").click()
    page.locator("#leaders tr.opens", has_text="dense").first.click()
    assert not page.locator("#card-routing").is_visible()


def test_one_layer_leaves_nothing_to_choose(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_two = routing_ledger.routed
    monkeypatch.setattr(
        routing_ledger, "routed", lambda *of: tuple(m for m in of_two(*of) if m.layer == "moe1")
    )
    (tmp_path / "out.html").write_bytes(page_of(campaign(tmp_path / "runs.db").ledger))
    page = watched.open((tmp_path / "out.html").as_uri())
    assert label(page, "use").startswith("Shares of the experts of 6 variants")
    assert not page.locator("#routing select").is_visible()
    assert not page.locator("#routing details[data-table=layers]").is_visible()
    assert page.locator("#routing details[data-table=epochs]").is_visible()


def test_one_effect_has_room_for_its_axis_on_a_phone(watched: Watched, tmp_path: Path) -> None:
    """Its title has two lines there."""
    some = tuple(variant for variant in SPACE.arms["moe"] if not variant.recipe["losses.z"])
    space = SPACE.with_(arms={"dense": SPACE.arms["dense"], "moe": some})
    (tmp_path / "out.html").write_bytes(page_of(campaign(tmp_path / "runs.db", space=space).ledger))
    watched.page.set_viewport_size({"width": 390, "height": 800})
    page = watched.open((tmp_path / "out.html").as_uri())
    figure = page.locator("[data-figure=arm_effects]")
    assert figure.locator(".ytick").count() == 1
    tick, title = (figure.locator(what).first.bounding_box() for what in (".xtick text", ".xtitle"))
    assert tick
    assert title
    assert tick["y"] + tick["height"] <= title["y"] + 1


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_screen(watched: Watched, file: Path, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = watched.open(file.as_uri())
    for summary in page.locator("#arm_effects summary, #routing summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for figure in FIGURES:
        texts = page.locator(f"[data-figure={figure}] svg text")
        boxes = texts.evaluate_all("all => all.map(t => t.getBoundingClientRect())")
        assert boxes
        assert min(box["left"] for box in boxes) >= 0
        assert max(box["right"] for box in boxes) <= width
    titles = page.locator("[data-figure=routing_epochs] .annotation").evaluate_all(
        "all => all.map(t => { const b = t.getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom]; })"  # noqa: E501
    )
    for n, (left, right, top, bottom) in enumerate(titles):
        for other_left, other_right, other_top, other_bottom in titles[n + 1 :]:
            beside = right <= other_left + 1 or other_right <= left + 1
            assert beside or bottom <= other_top + 1 or other_bottom <= top + 1


def test_they_are_drawn_again_in_the_other_colours(watched: Watched, file: Path) -> None:
    watched.page.emulate_media(color_scheme="light")
    page = watched.open(file.as_uri())
    ink = "getComputedStyle(document.querySelector('[data-figure={}] .ytick text')).fill"
    assert {page.evaluate(ink.format(figure)) for figure in FIGURES} == {"rgb(28, 31, 35)"}
    page.locator("#theme").click()
    for figure in FIGURES:
        until(page, f"{ink.format(figure)} === 'rgb(230, 232, 234)'")
