"""The page in a real Chromium: opened from a file, clicked, sorted, filtered, typed at, printed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_ledger import BOLD, EVIL, MESSAGE, code_of
from page_watch import Watched, watch
from planted_screen import planted
from playwright.sync_api import Browser, Page, expect

from nas.report.page import page as page_of

FIGURES = (*("coverage", "families", "pairs", "costs", "curves", "failures", "timeline", "gates"),)


@pytest.fixture(scope="module")
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    """One for all tests that leave nothing behind but choices; it may ask for itself alone."""
    with watch(browser) as watched:
        yield watched.open(file.as_uri())
        assert watched.requests == [file.as_uri()]


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    yield opened
    # As it was: nothing sorted, filtered or opened.
    opened.evaluate(
        """() => {
            document.querySelectorAll("dialog").forEach(dialog => dialog.close());
            document.querySelectorAll("details").forEach(details => { details.open = false; });
            document.activeElement.blur();
        }"""
    )


def until(page: Page, expression: str) -> None:
    """Waits for something in the page; its policy forbids what Playwright would do for it."""
    for _ in range(1200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 60 s: {expression}")


def cells(page: Page, section: str, column: str) -> list[str]:
    """A column's cells of a section's first table, once it is filled."""
    page.locator(f'#{section} th[data-name="{column}"]').first.wait_for()
    headers = page.locator(f"#{section} th").evaluate_all("all => all.map(h => h.dataset.name)")
    place = headers.index(column) + 1
    return page.locator(f"#{section} tbody tr td:nth-child({place})").all_inner_texts()


def by(page: Page, section: str, column: str) -> str | None:
    """Clicks a column's head; how it is sorted then."""
    head = page.locator(f'#{section} th[data-name="{column}"]').first
    head.get_by_role("button").click()
    return head.get_attribute("aria-sort")


def test_the_verdict_comes_first(page: Page) -> None:
    assert page.title() == "first · nas report"
    first = page.locator("header.page > *:visible").evaluate_all("all => all.map(e => e.id)")
    assert first.index("campaign") < first.index("verdict") < first.index("headline")
    assert page.locator("#verdict").inner_text().startswith("Biased draw certain at draw ")
    assert page.locator("#about dd").first.inner_text().startswith("toy: 2 of 5 families")


@pytest.mark.parametrize("section", FIGURES)
def test_every_figure_is_drawn_and_has_its_table(page: Page, section: str) -> None:
    figure = page.locator(f"#{section} figure")
    assert figure.locator("svg.main-svg").count() > 0
    assert figure.locator("svg .trace, svg .heatmaplayer image").count() > 0
    assert len(figure.get_by_role("img").first.get_attribute("aria-label") or "") > 20
    for details in page.locator(f"#{section} details").all():
        details.locator("summary").click()
        expect(details.locator("tbody tr").first).to_be_visible()


def test_a_section_without_a_place_here_is_not_shown(page: Page) -> None:
    for section in ("screening", "screened"):
        assert not page.locator(f"#{section}").is_visible()
        assert not page.locator(f'nav [href="#{section}"]').is_visible()


def test_what_a_screen_predicted(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "screened.html"
    path.write_bytes(page_of(planted(tmp_path, noise=0.05).ledger))
    page = watched.open(path.as_uri())
    assert page.locator('nav [href="#screening"]').is_visible()
    figure = page.locator("#screening figure")
    label = figure.locator(".plot").get_attribute("aria-label") or ""
    assert re.match(
        r"28 candidates, foretold against trained; controls: τ [\d.]+, 95 % from", label
    )
    assert figure.locator("svg .legendtext").all_text_contents() == ["control", "chosen"]
    page.get_by_label("Gate", exact=True).check()
    until(page, "document.querySelector('#screening [aria-label^=\"20 candidates\"]')")
    page.get_by_label("Oracle", exact=True).check()
    expect(figure).to_contain_text("The screen gave no candidate this score.")
    space = page.locator("#screened figure")
    label = space.locator(".plot").get_attribute("aria-label") or ""
    assert re.match(r"28 mixtures, \d+ of them on the Pareto front", label)
    for details in page.locator("#screening details, #screened details").all():
        details.locator("summary").click()
        expect(details.locator("tbody tr").first).to_be_visible()
    page.get_by_label("Latency", exact=True).check()
    expect(space).to_contain_text("The screen does not know what this costs.")


def test_the_leaderboard_sorts(page: Page) -> None:
    assert cells(page, "leaders", "rank")[:3] == ["1", "2", "3"]
    assert page.locator("#leaders tbody tr").count() == 25
    assert by(page, "leaders", "val_acc") == "descending"
    assert by(page, "leaders", "val_acc") == "ascending"
    values = [float(text) for text in cells(page, "leaders", "val_acc")]
    assert values == sorted(values)
    assert by(page, "leaders", "families") == "ascending"
    assert page.locator("#leaders th[aria-sort]").count() == 1
    names = cells(page, "leaders", "families")
    assert names == sorted(names)


def test_missing_values_come_last_either_way(page: Page) -> None:
    page.locator("#families details").nth(1).locator("summary").click()
    for _ in range(2):
        by(page, "families", "lift_over_uniform")
        found = cells(page, "families", "lift_over_uniform")
        missing = [text == "–" for text in found]
        assert missing == sorted(missing)


def test_the_leaderboard_filters(page: Page) -> None:
    filter_ = page.get_by_role("searchbox").first
    filter_.fill("cat BEE")
    names = cells(page, "leaders", "families")
    assert names
    assert all({"cat", "bee"} <= set(name.split(" ")) for name in names)
    count = page.locator("#leaders output").inner_text()
    assert count == f"{len(names)} of 56 match"
    page.locator("#leaders select").select_option("top1")
    assert set(cells(page, "leaders", "gate_mixing")) == {"top1"}
    filter_.fill("nothing like it")
    assert cells(page, "leaders", "families") == []
    filter_.fill("")
    page.locator("#leaders select").select_option("")
    page.locator("#leaders .more").click()
    assert page.locator("#leaders tbody tr").count() == 56


def test_code_is_a_click_away(page: Page) -> None:
    button = page.locator("#leaders tbody button").first
    number = int(button.inner_text().removeprefix("#"))
    names = cells(page, "leaders", "families")[0]
    button.click()
    dialog = page.get_by_role("dialog")
    families = "+".join(sorted((BOLD, EVIL)))
    assert names == families.replace("+", " ")
    assert dialog.locator("code").text_content() == code_of(families, number)
    assert dialog.locator("h2").inner_text() == f"#{number} {names}"
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()


def test_a_failed_candidates_code_too(page: Page) -> None:
    page.get_by_text("The latest failed attempts").click()
    page.locator("#failures tbody button").first.click()
    assert "line_3 = 3" in (page.get_by_role("dialog").locator("code").text_content() or "")


def test_names_and_messages_stay_text(page: Page) -> None:
    for summary in page.locator("main section:not([hidden]) summary").all():
        summary.click()
    for choice in page.locator("section:not([hidden]) .switch input:not(:disabled)").all():
        choice.check()
    assert (
        page.locator("main script, main img, main b, svg a[href], main a[href*=example]").count()
        == 0
    )
    assert MESSAGE in page.locator("#failures").inner_text()
    ticks = page.locator("#pairs .ytick text").all_text_contents()
    assert EVIL[:23] + "…" in ticks
    assert BOLD[:23] + "…" in ticks


@pytest.mark.parametrize(
    ("section", "choice", "axis"),
    [
        ("families", "Success rate", "candidates trained to their end"),
        ("families", "Lift over plain mean", "over the plain mean"),
        ("costs", "MACs", "MACs of one image"),
        ("costs", "Time, training", "ms an image while training"),
        ("costs", "Time, pre-flight", "pre-flight"),
        ("curves", "Validation loss", "validation loss, nats"),
        ("failures", "Family", "% failed"),
    ],
)
def test_a_figure_can_be_switched(page: Page, section: str, choice: str, axis: str) -> None:
    page.locator(f"#{section} .switch label", has_text=re.compile(f"^{choice}$")).click()
    titles = f"[...document.querySelectorAll('#{section} .infolayer text')].map(t => t.textContent)"
    until(page, f"{titles}.join().includes({axis!r})")
    page.locator(f"#{section} .switch label").first.click()
    until(page, f"!{titles}.join().includes({axis!r})")


@pytest.mark.parametrize("choice", ["Mean", "Synergy"])
def test_the_heat_map_can_be_switched(page: Page, choice: str) -> None:
    page.locator("#pairs").get_by_label("Count").check()
    page.wait_for_selector('#pairs [aria-label*="draws together"]')
    page.locator("#pairs").get_by_label(choice).check()
    page.wait_for_selector(f'#pairs [aria-label*="{choice.lower()}"]')
    assert page.locator("#pairs .heatmaplayer image").count() == 1


def test_gate_use_by_setting(page: Page) -> None:
    page.locator("#gates summary").click()
    before = cells(page, "gates", "n")
    page.locator("#gates select").select_option("top1")
    after = cells(page, "gates", "n")
    assert sum(map(int, after)) < sum(map(int, before))
    until(page, f"document.querySelectorAll('#gates .boxlayer .box').length === {len(after)}")


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 768, 1400])
def test_nothing_is_wider_than_the_screen(watched: Watched, file: Path, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    page = watched.open(file.as_uri())
    for summary in page.locator("main section:not([hidden]) summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    plots = page.locator("figure > .plot").evaluate_all("all => all.map(p => p.clientWidth)")
    assert sum(plot > 0 for plot in plots) == len(FIGURES)
    assert all(200 < plot <= width for plot in plots)


def test_turning_the_phone_redraws(watched: Watched, file: Path) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 800})
    page = watched.open(file.as_uri())
    page.set_viewport_size({"width": 800, "height": 390})
    until(page, "document.querySelector('#costs .main-svg').clientWidth > 600")


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


def test_every_control_is_reached_by_the_keyboard(watched: Watched, file: Path) -> None:
    page = watched.open(file.as_uri())
    reached = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => {
                    const { id, name, type, tagName, role } = document.activeElement;
                    return id || name || type || tagName + (role ?? "");
                }"""
            )
        )
        if "gates" in reached:
            break
    wanted = {"theme", "A", "search", "gate_mixing", "DIVregion", "button", "SUMMARY"}
    assert wanted | {"families", "pairs", "costs", "curves", "failures", "gates"} <= reached


def test_a_choice_and_a_code_by_the_keyboard(page: Page) -> None:
    page.locator("#pairs input").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('#pairs [aria-label*="mean"]')
    page.locator("#leaders tbody button").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Tab")  # from Copy to Close
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    assert page.evaluate("document.activeElement.dataset.key")  # back where one was


def test_nothing_else_may_run_or_be_requested(browser: Browser, file: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    done = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.pwned = true";
            document.body.append(script);
            let asked = "answered";
            try { await fetch("data:text/plain,x"); } catch { asked = "refused"; }
            return [window.pwned, asked];
        }"""
    )
    assert done == [None, "refused"]
    context.close()
