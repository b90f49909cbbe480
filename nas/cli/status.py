"""`nas status`: how a campaign is doing."""

import time
from typing import Annotated

import typer
from rich.live import Live

from nas.cli import options
from nas.cli.chosen import campaign_named
from nas.cli.console import console
from nas.cli.output import form_of, print_facts


def status(
    campaign: options.Campaign = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Show how a campaign is doing: budget, running trials, best so far, failures.

    Example: `nas status --watch`
    """
    from nas.ledger import Ledger
    from nas.ledger.summary import summary
    from nas.report.progress import live_panel, panel

    chosen = form_of(form, as_json)
    if watch and chosen != "table":
        raise typer.BadParameter("--watch only shows a table: leave out --json and --format")
    ledger = Ledger(db)
    name = campaign_named(ledger, campaign)
    if not watch:
        found = summary(ledger, name)
        print_facts(chosen, found.model_dump(mode="json"), shown=[panel(found)])
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(live_panel(summary(ledger, name), console), refresh=True)
            time.sleep(1.0)


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(status)
