"""`nas dashboard` and `nas export-study`: a campaign in a browser, and in Optuna's tools."""

import os
import shlex
import sys
from contextlib import suppress
from typing import Annotated

import typer

from nas.cli import consent, options
from nas.cli.chosen import campaign_named
from nas.cli.output import form_of, print_facts
from nas.cli.working import working


def dashboard(
    campaign: options.Campaign = None,
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8765,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Serve a campaign's report as a web page that refreshes itself; Ctrl-C ends it.

    Only this machine can open it. To open it from another: `ssh -L 8765:localhost:8765 HOST`.

    Example: `nas dashboard --port 8765`
    """
    from nas.ledger import Ledger
    from nas.report.dashboard import Dashboard

    chosen = form_of(form, as_json)
    consent.ask_about_analyses()
    ledger = Ledger(db)
    some = campaign is not None or ledger.campaign_names()  # without any, it waits for the first
    name = campaign_named(ledger, campaign) if some else None
    with suppress(KeyboardInterrupt), Dashboard(ledger, name, port) as server:
        with suppress(AttributeError, OSError):  # where there is such a thing
            os.nice(10)  # training goes first
        facts = {"url": server.url, "campaign": name}
        print_facts(chosen, facts, shown=[f"{server.url} (Ctrl-C ends it)"])
        sys.stdout.flush()  # whoever opens it reads this now
        server.serve_forever()


def export_study(
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="Optuna's SQLite file, new or existing, or its sqlite:/// URL."
        ),
    ],
    campaign: options.Campaign = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing study of this name.")
    ] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Write a campaign as an Optuna study, for optuna-dashboard and Optuna's plots.

    Example: `nas export-study -o study.db`
    """
    from nas.export.study import export_study as write
    from nas.ledger import Ledger

    chosen = form_of(form, as_json)
    ledger = Ledger(db)
    name = campaign_named(ledger, campaign)
    with working("writing the study"):
        done = write(ledger, name, output, overwrite=overwrite)
    look = f"optuna-dashboard {shlex.quote(done.storage)}"
    line = f"{done.trials} trials in the study {done.name}: {look}"
    facts = {"study": done.name, "trials": done.trials, "storage": done.storage}
    print_facts(chosen, facts, shown=[line])


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(dashboard)
    app.command("export-study")(export_study)
