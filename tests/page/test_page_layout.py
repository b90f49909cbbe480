"""The page at the widths of phones, desks and paper, light and dark."""

import re
from pathlib import Path

import pytest
from ledger_maker import Maker
from page_ledger import FIGURES
from page_watch import Watched, until

from nas.report.page import page as page_of
from nas.schema import ExpertAxis, Member, Recipe, Space


@pytest.mark.proof
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_button(
    watched: Watched, file: Path, scheme: str
) -> None:
    watched.page.emulate_media(color_scheme=scheme)
    page = watched.open(file.as_uri())

    def colour(what: str) -> int:
        """Its red: 0 dark, 255 light."""
        return int(re.findall(r"\d+", str(page.evaluate(what)))[0])

    def paper_is_dark() -> bool:
        return colour("getComputedStyle(document.body).backgroundColor") < 60

    ink = "getComputedStyle(document.querySelector('#gates .xtick text')).fill"
    assert paper_is_dark() == (scheme == "dark")
    before = page.evaluate(ink)
    assert (colour(ink) > 150) == (scheme == "dark")
    page.locator("#theme").click()
    until(page, f"{ink} !== {before!r}")
    assert paper_is_dark() == (scheme == "light")
    assert (colour(ink) > 150) == (scheme == "light")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert paper_is_dark() == (scheme == "light")  # remembered


@pytest.mark.proof
@pytest.mark.parametrize("width", [390, 768, 1400])
def test_the_leaderboard_is_complete(watched: Watched, file: Path, width: int) -> None:
    """Every value is in view: no column missing, no number cut, no box that scrolls by itself."""
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = watched.open(file.as_uri())
    heads = page.locator("#leaders th").evaluate_all("all => all.map(h => h.dataset.name)")
    assert heads[:2] == ["number", "val_acc"]
    assert {"val_se", "families", "gate_mixing", "test_acc", "lift_over_uniform"} <= set(heads)
    wrong = page.evaluate(
        """() => [...document.querySelectorAll("#leaders td:not(.missing)")].filter(cell => {
            const box = cell.getBoundingClientRect();
            return !box.width || box.left < 0 || box.right > innerWidth || cell.scrollWidth > cell.clientWidth + 1;
        }).map(cell => cell.dataset.name)"""  # noqa: E501
    )
    assert wrong == []
    scrolling = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter(e => e.clientHeight && !e.closest("figure")
            && ["auto", "scroll"].includes(getComputedStyle(e).overflowY)).map(e => e.className)"""  # noqa: E501
    )
    assert scrolling == []
    row = page.locator("#leaders tbody tr").first.locator("td")
    boxes = [row.nth(n).bounding_box() for n in range(2)]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] < boxes[1]["x"]
    assert abs(boxes[0]["y"] - boxes[1]["y"]) < 12  # the accuracy, beside the number


@pytest.mark.proof
@pytest.mark.parametrize("width", [390, 740, 768, 1400])
def test_nothing_is_wider_than_the_screen(watched: Watched, file: Path, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = watched.open(file.as_uri())
    for summary in page.locator("main section:not([hidden]) summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    plots = page.locator("figure > .plot").evaluate_all("all => all.map(p => p.clientWidth)")
    assert sum(plot > 0 for plot in plots) == len(FIGURES) + 1  # the answer has two
    assert all(200 < plot <= width for plot in plots)
    links = page.locator("nav a:visible").evaluate_all(
        "all => all.map(link => link.getBoundingClientRect().right)"
    )
    assert max(links) <= width  # each is in view


@pytest.mark.proof
@pytest.mark.parametrize("width", [390, 1400])
def test_many_families_fit(watched: Watched, tmp_path: Path, width: int) -> None:
    """No figure scrolls by itself; where names have no room beside each other, bars lie."""
    families = {f"family_{n:02}": (Member(model=f"model_{n:02}"),) for n in range(70)}
    space = Space(name="wide", experts=ExpertAxis(k=4, families=families), recipe=Recipe(epochs=2))
    maker = Maker(tmp_path / "runs.db", space=space, dataset="digits")
    for n in range(0, 70, 4):
        maker.trained(
            *(f"model_{m % 70:02}" for m in sorted(range(n, n + 4), key=lambda m: m % 70)), val=0.5
        )
    (tmp_path / "out.html").write_bytes(page_of(maker.ledger))
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = watched.open((tmp_path / "out.html").as_uri())
    page.locator("#pairs").get_by_label("Count").check()
    page.wait_for_selector('#pairs [aria-label*="draws together"]')
    scrolling = page.locator("figure").evaluate_all(
        "all => all.filter(f => f.scrollWidth > f.clientWidth + 1).map(f => f.dataset.figure)"
    )
    assert scrolling == []
    names = page.locator(f"#coverage .{'y' if width == 390 else 'x'}tick text")
    assert names.all_text_contents() == list(families)
    no_effect = page.locator("#families .annotation-text").evaluate_all(
        "all => all.filter(t => t.getBoundingClientRect().right > innerWidth).length"
    )
    assert no_effect == 0


def test_turning_the_phone_redraws(watched: Watched, file: Path) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 800})
    page = watched.open(file.as_uri())
    page.set_viewport_size({"width": 800, "height": 390})
    until(page, "document.querySelector('#costs .main-svg').clientWidth > 600")


def test_what_is_printed_is_drawn_when_printing_starts(watched: Watched, file: Path) -> None:
    """A browser does not wait: light figures as wide as paper, though the screen is dark."""
    watched.page.emulate_media(color_scheme="dark")
    page = watched.open(file.as_uri())
    inks, widths = page.evaluate(
        """() => {
            dispatchEvent(new Event("beforeprint"));
            return [[...document.querySelectorAll("main figure .xtick text")].map(t => t.style.fill),
                [...document.querySelectorAll("main figure .main-svg")].map(p => p.clientWidth)];
        }"""  # noqa: E501
    )
    assert set(inks) == {"rgb(28, 31, 35)"}
    assert max(widths) <= 680
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    until(page, "document.querySelector('#gates .main-svg').clientWidth > 680")


def test_an_open_card_and_the_tables_are_printed_as_the_figures_are(
    watched: Watched, file: Path
) -> None:
    watched.page.emulate_media(color_scheme="dark")
    page = watched.open(file.as_uri())
    page.locator("#leaders tr.opens").first.click()
    page.wait_for_selector("#card-curves .xtick text")
    inks, stacked = page.evaluate(
        """() => {
            const host = document.querySelector("#leaders [data-table]");
            host.classList.add("stacked"); // as on a narrow screen
            dispatchEvent(new Event("beforeprint"));
            return [[...document.querySelectorAll("#card-curves .xtick text")].map(t => t.style.fill),
                host.classList.contains("stacked")];
        }"""  # noqa: E501
    )
    assert set(inks) == {"rgb(28, 31, 35)"}
    assert not stacked


def test_print(watched: Watched, file: Path) -> None:
    watched.page.emulate_media(color_scheme="dark")
    watched.page.set_viewport_size({"width": 690, "height": 1000})  # A4 less its margins
    page = watched.open(file.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    ink = "getComputedStyle(document.querySelector('#gates .xtick text')).fill"
    until(page, f"{ink} === 'rgb(28, 31, 35)'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in ("nav", "#theme", ".switch", ".more", "details:not([open])"):
        assert not page.locator(hidden).first.is_visible()
    widths = page.locator(".main-svg").evaluate_all("all => all.map(p => p.clientWidth)")
    assert 0 < max(widths) <= 680
    assert page.evaluate("document.documentElement.scrollWidth") <= 690
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 50_000
