"""The page in a real Chromium: opened from a file, clicked, sorted, filtered, typed at, printed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_maker import Maker
from page_ledger import BOLD, EVIL, MESSAGE, code_of
from page_watch import Watched, watch
from planted_screen import planted
from playwright.sync_api import Browser, Page, expect

from nas.ledger import Ledger
from nas.report.page import page as page_of
from nas.report.page import page_data
from nas.schema import ExpertAxis, Member, Recipe, Space

FIGURES = (
    *(
        "together",
        "coverage",
        "families",
        "pairs",
        "costs",
        "curves",
        "failures",
        "timeline",
        "gates",
    ),
)


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
    assert "±\N{NO-BREAK SPACE}" in page.locator("#best ul").inner_text()
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
    titles = dialog.locator("h3").all_inner_texts()
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
