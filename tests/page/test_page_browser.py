"""The page in a real Chromium: opened from a file, clicked, sorted, filtered, typed at, printed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_maker import Maker
from page_ledger import BOLD, EVIL, FIGURES, MESSAGE, code_of
from page_watch import Watched, until, watch
from planted_screen import planted
from playwright.sync_api import Browser, Page, expect

from nas.ledger import Ledger
from nas.report.page import page as page_of
from nas.report.page import page_data


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


def test_the_answer_comes_first(page: Page, filled: Maker) -> None:
    assert page.title() == "first · nas report"
    assert page.locator("h1").inner_text() == "first"
    assert not page.locator("#live").is_visible()  # a file follows nobody
    shown = page.locator("main > section:visible").evaluate_all("all => all.map(e => e.id)")
    assert shown[:4] == ["together", "best", "leaders", "coverage"]
    assert page.locator("#together .caution").inner_text().startswith("The draws are biased (")
    answer = page.locator("#together .lead").first
    sections = page_data(Ledger(filled.path))["sections"]
    text = answer.inner_text()
    assert text.replace("\N{NO-BREAK SPACE}", " ") == sections["together"]["pairs"]
    assert "95 %" not in text  # a number keeps to its unit
    assert page.locator("#together svg.main-svg").count() > 1
    box = answer.bounding_box()
    assert box
    assert box["y"] < 600  # on the first screen
    assert page.locator("#verdict").inner_text().startswith("Biased draws: detected at draw ")
    assert page.locator("#about dd").first.inner_text().startswith("toy: 2 of 5 families")


def test_the_best_candidates_come_with_their_command(page: Page) -> None:
    first = page.locator("#best li").first
    number = first.get_by_role("button").first.inner_text().removeprefix("#")
    assert f"nas export {number} -o candidate-{number} -c first" in first.inner_text()
    assert cells(page, "leaders", "val_acc")[0] in first.inner_text()
    assert "on 100 validation images" in page.locator("#best ul").inner_text()
    assert "95\N{NO-BREAK SPACE}% interval, about ±" in page.locator("#best ul").inner_text()
    first.get_by_role("button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text(f"#{number} ")


@pytest.mark.parametrize("section", FIGURES)
def test_every_figure_is_drawn_and_has_its_table(page: Page, section: str) -> None:
    figure = page.locator(f"#{section} figure").first
    assert figure.locator("svg.main-svg").count() > 0
    assert figure.locator("svg .trace, svg .heatmaplayer image").count() > 0
    assert len(figure.get_by_role("img").first.get_attribute("aria-label") or "") > 20
    for details in page.locator(f"#{section} details").all():
        details.locator("summary").click()
        expect(details.locator("tbody tr").first).to_be_visible()


def test_a_section_without_a_place_here_is_not_shown(page: Page) -> None:
    for section in ("screening", "screened", "arms", "arm_effects", "routing"):
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
        r"28 candidates, predicted against trained; controls: τ [\d.]+, 95 % from", label
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
    expect(space).to_contain_text("This cost was not measured.")


def test_the_leaderboard_sorts(page: Page) -> None:
    scores = [float(text) for text in cells(page, "leaders", "val_acc")]
    assert scores == sorted(scores, reverse=True)
    assert page.locator("#leaders tbody tr").count() == 25
    assert by(page, "leaders", "val_acc") == "descending"
    assert by(page, "leaders", "val_acc") == "ascending"
    values = [float(text) for text in cells(page, "leaders", "val_acc")]
    assert values == sorted(values)
    assert by(page, "leaders", "families") == "ascending"
    assert page.locator("#leaders th[aria-sort]").count() == 1
    names = cells(page, "leaders", "families")
    assert names == sorted(names)


def test_no_figure_offers_to_be_uploaded(page: Page) -> None:
    titles = page.locator(".modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
    assert set(titles) == {
        *("Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes")
    }


def test_an_interval_is_one_column(page: Page) -> None:
    page.get_by_text("Effects and advice").click()
    page.locator("#families details th").first.wait_for()
    heads = page.locator("#families details").first.locator("th").all_inner_texts()
    assert heads.count("95\N{NO-BREAK SPACE}% interval\N{NO-BREAK SPACE}pt") == 1
    assert not [head for head in heads if "low" in head or "high" in head]
    shown = page.locator('#families details[open] td[data-name="effect_low"]').all_inner_texts()
    assert len(shown) == 5
    for text in shown:
        assert re.fullmatch(r"[+−]\d+\.\d\d to [+−]\d+\.\d\d", text)


def test_families_are_drawn_best_first(page: Page, filled: Maker) -> None:
    found = page_data(Ledger(filled.path))["sections"]["families"]["table"]["values"]
    ranked = sorted(zip(found["effect"], found["family"], strict=True), reverse=True)
    names = page.locator("#families .ytick text").all_text_contents()
    assert [name[:3] for name in names] == [family[:3] for _, family in ranked]


def test_missing_values_come_last_either_way(page: Page) -> None:
    page.locator("#families details").nth(2).locator("summary").click()
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


def test_a_click_on_a_candidate_opens_its_card(page: Page) -> None:
    row = page.locator("#leaders tbody tr").first
    number = int(row.get_by_role("button").inner_text().removeprefix("#"))
    names = cells(page, "leaders", "families")[0]
    score = cells(page, "leaders", "val_acc")[0]
    row.locator('[data-name="val_acc"]').click()
    dialog = page.get_by_role("dialog")
    families = "+".join(sorted((BOLD, EVIL)))
    assert names == families.replace("+", " ")
    assert dialog.locator("h2").inner_text() == f"#{number} {names}"
    titles = dialog.locator("h3:visible").all_inner_texts()
    assert [title.split()[0] for title in titles] == ["Metrics", "Members", "Curves", "Code"]
    shown = dict(
        zip(
            dialog.locator("dt").all_inner_texts(),
            dialog.locator("dd").all_inner_texts(),
            strict=True,
        )
    )
    assert (shown["Val"], shown["Rank"]) == (f"{score}\N{NO-BREAK SPACE}%", "1")
    members = dialog.locator("#card-members tbody tr").all_inner_texts()
    assert sorted(m.split("\t")[0] for m in members) == sorted(families.split("+"))
    assert f"{float(score) - 10:.2f}" in members[0]  # inside the mixture
    expect(dialog.locator("#card-curves svg .trace")).to_have_count(2)
    assert dialog.locator("pre code").text_content() == code_of(families, number)
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()


def test_a_failed_candidates_code_too(page: Page) -> None:
    page.get_by_text("The latest failed attempts").click()
    page.locator("#failures tbody button").first.click()
    assert "line_3 = 3" in (page.get_by_role("dialog").locator("pre code").text_content() or "")


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
        ("families", "Success rate", "candidates that did not fail"),
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


def test_pairs_open_on_synergy(watched: Watched, file: Path) -> None:
    page = watched.open(file.as_uri())
    page.wait_for_selector('#pairs [aria-label*="synergy"]')


@pytest.mark.parametrize(
    ("choice", "shown"), [("Mean", "mean"), ("Count", "draws together"), ("Synergy", "synergy")]
)
def test_the_heat_map_can_be_switched(page: Page, choice: str, shown: str) -> None:
    page.locator("#pairs").get_by_label(choice).check()
    page.wait_for_selector(f'#pairs [aria-label*="{shown}"]')
    assert page.locator("#pairs .heatmaplayer image").count() == 1


def test_gate_use_by_setting(page: Page) -> None:
    page.locator("#gates summary").click()
    before = cells(page, "gates", "n")
    page.locator("#gates select").select_option("top1")
    after = cells(page, "gates", "n")
    assert sum(map(int, after)) < sum(map(int, before))
    until(page, f"document.querySelectorAll('#gates .boxlayer .box').length === {len(after)}")


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
    wanted = {"theme", "A", "search", "gate_mixing", "button", "SUMMARY"}
    assert wanted | {"families", "pairs", "costs", "curves", "failures", "gates"} <= reached


def test_a_choice_and_a_code_by_the_keyboard(page: Page) -> None:
    page.locator("#pairs input").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('#pairs [aria-label*="mean"]')
    page.keyboard.press("ArrowLeft")
    page.locator("#leaders tbody button").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Enter")  # on Close, which has the focus
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
            let fetched = "answered";
            try { await fetch("data:text/plain,x"); } catch { fetched = "refused"; }
            return [window.pwned, fetched];
        }"""
    )
    assert done == [None, "refused"]
    context.close()
