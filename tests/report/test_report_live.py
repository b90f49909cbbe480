"""The panel and the plain lines of a running campaign."""

import io

from ledger_maker import Maker

from nas.ledger.summary import summary
from nas.report import Terminal
from nas.report.progress import Display, live_panel, panel
from nas.schema import Member, MemberProfile, Status


def text(renderable: object, width: int = 100) -> str:
    console = Terminal(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_campaign_that_has_just_begun(maker: Maker) -> None:
    shown = text(panel(summary(maker.ledger)))
    assert "nothing yet" in shown
    assert "best" not in shown
    assert "failures" not in shown


def test_the_panel_says_what_is_done_what_runs_and_what_failed(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9, test=0.85)
    maker.control("ant_s", 0.7)
    maker.failed("bee_m", "cat_s", status=Status.NAN, message="the loss is not a number")
    maker.store.event("benched", family="cat", after=6)
    maker.start(maker.draw("cat_s", "dog_s"))
    maker.store.heartbeat(60.0)
    shown = text(panel(summary(maker.ledger)))
    assert "2 candidates, 1 control" in shown
    assert "50 % successful" in shown
    assert "1 nan, cat benched" in shown
    assert "90.00 %" in shown
    assert "ant+bee" in shown
    assert "cat+dog" in shown  # at work


def test_a_narrow_terminal_still_shows_everything_that_matters(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9, test=0.85)
    shown = text(panel(summary(maker.ledger)), width=60)
    assert all(len(line) <= 60 for line in shown.splitlines())
    assert "90.00 %" in shown


def test_an_interrupt_s_echo_fits_beside_the_panel(maker: Maker) -> None:
    """A terminal writes ^C behind the last line; a line begun by it would not be overwritten."""
    maker.start(maker.draw("ant_s", "bee_s"))
    terminal = Terminal(file=io.StringIO(), width=80)
    terminal.print(live_panel(summary(maker.ledger), terminal))
    lines = terminal.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(len(line.rstrip()) for line in lines) <= 80 - len("^C^C") - 1


def test_where_there_is_no_terminal_lines_are_plain(maker: Maker) -> None:
    out = io.StringIO()
    name = maker.ledger.campaign().name
    with Display(Terminal(file=out, width=80), maker.ledger, name) as display:
        display.on_profile(1, 2, MemberProfile(member=Member(model="ant_s"), ok=True))
        display.on_profile(2, 2, MemberProfile(member=Member(model="bee_s"), ok=True))
        display.on_profile(1, 1, MemberProfile(member=Member(model="ant_s"), ok=True))
        display.say("#0 ant+bee: ok [bold]val[/] 0.9000")
        display.on_tick()
    assert (
        out.getvalue()
        == "2 members profiled\n1 member profiled\n#0 ant+bee: ok [bold]val[/] 0.9000\n"
    )
