"""Running a campaign from the command line: display while it works, tables and exit code after."""

from contextlib import suppress

import typer

from nas.campaign import CampaignConfig
from nas.cli.console import console
from nas.ledger import Ledger

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

    with Display(console, ledger, name) as display:
        voice = Voice(say=display.say, beat=display.beat, probed=display.probed)
        if confirm:
            top, seeds = confirm
            ended = confirm_leaders(ledger, name, config, voice, top=top, seeds=seeds)
        else:
            ended = run(ledger, name, config, voice)
    with suppress(OSError):  # the terminal may be gone
        _tables(ledger, name)
    if ended.fault:
        typer.echo(f"nas: {ended.fault}", err=True)
        raise typer.Exit(1)
    if ended.why and not ended.spent:
        again = f"nas confirm --campaign {name}" if confirm else f"nas resume {name}"
        with suppress(OSError):
            console.print(f"Stopped: {ended.why}. Go on with: {again}", highlight=False)
        raise typer.Exit(INTERRUPTED if "SIGINT" in ended.why else STOPPED)


def _tables(ledger: Ledger, name: str) -> None:
    from nas.analyse import question, table
    from nas.report import render

    for wanted in ("leaderboard", "family_yield"):
        frame = table(wanted, ledger, name)
        console.print()
        console.print(
            render(frame, "table", title=question(wanted), note=f"campaign {name}", limit=20)
        )
