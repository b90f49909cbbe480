"""Running a campaign from the command line: display while it works, tables and exit code after."""

import os
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from nas.campaign import CampaignConfig
from nas.cli.console import console, echo
from nas.ledger import Ledger
from nas.ledger.database import database_url
from nas.spec import Role, format_duration

if TYPE_CHECKING:
    from nas.campaign.run import Ended

CONFIRMED = [
    *("number", "key", "families", "val_acc", "confirm_val_acc", "confirm_sd", "confirm_n"),
    "confirm_test_acc",
]
STOPPED = 75
INTERRUPTED = 130


def work(
    ledger: Ledger,
    name: str,
    config: CampaignConfig,
    *,
    confirm: tuple[int, int] | None = None,
) -> None:
    """Works on a campaign, shows it, prints its tables, and exits as scripts expect."""
    from nas.campaign.confirm import confirm as confirm_leaders
    from nas.campaign.run import Voice, run
    from nas.report.live import Display

    try:
        with Display(console, ledger, name) as display:
            voice = Voice(say=display.say, beat=display.beat, probed=display.probed)
            if confirm:
                top, seeds = confirm
                ended = confirm_leaders(ledger, name, config, voice, top=top, seeds=seeds)
            else:
                ended = run(ledger, name, config, voice)
    except KeyboardInterrupt as stop:  # in pre-flight: later, the campaign takes signals itself
        with suppress(OSError):  # the terminal may be gone
            echo(
                f"Interrupted before a trial began. Go on with: nas resume {name}{_at(ledger)}",
                err=True,
            )
        raise typer.Exit(exit_code(stop)) from None
    with suppress(OSError):  # the terminal may be gone
        _tables(ledger, name, confirmed=bool(confirm))
    if ended.fault:
        echo(f"nas: {ended.fault}", err=True)
        raise typer.Exit(1)
    with suppress(OSError):
        said = _verdict(ledger, name, ended, confirmed=bool(confirm))
        console.print(said, soft_wrap=True)
    if ended.why and not ended.spent:
        raise typer.Exit(INTERRUPTED if ended.why.endswith("SIGINT") else STOPPED)


def exit_code(stop: KeyboardInterrupt) -> int:
    """Of a command that was stopped before a trial began."""
    from nas.campaign.signals import Stopped

    return STOPPED if isinstance(stop, Stopped) else INTERRUPTED


def _verdict(ledger: Ledger, name: str, ended: "Ended", *, confirmed: bool) -> str:
    """How it ended, and what one would type next."""
    from nas.campaign.driver import BIASED
    from nas.ledger.summary import summary

    s = summary(ledger, name)
    parts = [
        f"{n} {outcome}"
        for outcome, n in sorted(s.counts[Role.SEARCH].items())
        if outcome != "open"
    ]
    if waiting := s.counts[Role.SEARCH].get("open"):
        parts.append(f"{waiting} to go on with")
    if again_drawn := sum(s.counts[Role.SUPERSEDED].values()):
        parts.append(f"{again_drawn} superseded by a changed template")
    told = ", ".join(parts) or "nothing drawn"
    worked = format_duration(s.worked_seconds)
    why = ended.why or "done"
    if confirmed:
        again = (
            f"nas confirm --campaign {name}" if ended.why else f"nas report leaderboard -c {name}"
        )
    elif ended.why == BIASED:
        again = f"a search with --sampler stratified; or nas resume {name} --lax-coverage"
    elif ended.spent:
        again = f"nas resume {name} --budget {_as_option(2 * (s.budget_seconds or 0.0))}"
    elif ended.why:
        again = f"nas resume {name}"
    elif s.best is None:
        again = f"nas report failures -c {name}"
    else:
        again = f"nas confirm --campaign {name}"
    return f"\n{name}: {why}. {told}; {worked} worked. Next: {again}{_at(ledger)}"


def _at(ledger: Ledger) -> str:
    """The option that names a ledger, where it is not the one that is taken without."""
    usual = os.environ.get("NAS_DB", "runs.db")
    return "" if database_url(usual) == ledger.url else f" --db {shlex.quote(ledger.place)}"


def _as_option(seconds: float) -> str:
    """A length of time as --budget takes it."""
    whole = max(1, round(seconds))
    size, unit = next(
        (n, u) for n, u in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if whole % n == 0
    )
    return f"{whole // size}{unit}"


def _tables(ledger: Ledger, name: str, *, confirmed: bool) -> None:
    from nas.analyse import question, table, verdict
    from nas.report import audited, render

    board = table("leaderboard", ledger, name)
    if board.empty:
        return
    if confirmed:
        board = board.loc[board["confirm_n"] > 0, CONFIRMED]
        tables = [(board, "What do the leaders score with new seeds?")]
    else:
        tables = [(board, question("leaderboard"))]
        tables.append((table("family_yield", ledger, name), question("family_yield")))
    console.print()
    console.print(audited(verdict(ledger, name)))
    for frame, title in tables:
        console.print()
        console.print(render(frame, "table", title=title, note=f"campaign {name}", limit=20))
