"""`nas status`, `nas report`, `nas show`, `nas export`: what came of it."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.live import Live

from nas.cli import complete, consent, options
from nas.cli.console import console, echo, echo_json, put, put_shown, write
from nas.ledger import Ledger
from nas.schema import ProblemError, UsageError

Candidate = Annotated[str, typer.Argument(help="A key, the beginning of one, or #NUMBER.")]


def status(
    campaign: options.Campaign = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    db: options.Db = "runs.db",
    as_json: options.Json = False,
) -> None:
    """Say how a campaign is doing: budget, running trials, best so far, failures.

    Example: `nas status --watch`
    """
    from nas.ledger.summary import summary
    from nas.report.progress import panel

    if watch and as_json:
        raise typer.BadParameter("--watch is for a person: leave out --json")
    ledger = Ledger(db)
    if as_json:
        echo_json(summary(ledger, campaign).model_dump(mode="json"))
        return
    if not watch:
        console.print(panel(summary(ledger, campaign)))
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(panel(summary(ledger, campaign)), refresh=True)
            time.sleep(1.0)


def report(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A table; without one, those there are are listed.",
            autocompletion=complete.reports,
        ),
    ] = None,
    campaign: options.Campaign = None,
    form: Annotated[
        Literal["table", "csv", "json", "md"],
        typer.Option("--format", "-f", help="For a person, or for a program."),
    ] = "table",
    output: options.Output = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            callback=options.writable,
            help="Write everything as one interactive page, for any browser.",
        ),
    ] = None,
    screen: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            help="A screen's number, for tables of screens; else the campaign's or the last.",
        ),
    ] = None,
    db: options.Db = "runs.db",
) -> None:
    """Answer one question about a campaign from its ledger, or all of them on a page.

    In CSV an apostrophe stands before a text that a spreadsheet would take for a formula.

    Example: `nas report family_yield --format md -o yield.md`, `nas report --html out.html`
    """
    consent.ask_about_analyses()
    if html is not None:
        if name is not None or output is not None or form != "table" or screen is not None:
            raise UsageError(
                "--html is the whole report as one file",
                fix="leave out the table's name, --format, --output and --screen",
            )
        _write_page(html, Ledger(db), campaign)
        return
    from nas.report import format_audit, markdown, render
    from nas.results import audit_result, question, table, tables

    if name is None:
        if output is not None or form != "table":
            raise UsageError("--format and --output are of one table", fix="name a table")
        for known in tables():
            try:
                line = question(known)
            except ProblemError as error:  # one's own, half written
                line = str(error)
            echo(f"{known:<16} {line}")
        return
    ledger = Ledger(db)
    answer = table(name, ledger, campaign, screen)
    chosen = ledger.campaign(campaign).name
    note = "; ".join(filter(None, (f"campaign {chosen}", answer.attrs.get("note"))))
    text = render(answer, form, title=question(name), note=note)
    fair = audit_result(ledger, chosen)
    if isinstance(text, str):
        if form == "md":
            text = "\n\n".join([*map(markdown, fair.lines), text])
        elif fair.verdict == "biased":  # a program reads the other stream
            echo(fair.line, err=True)
        put(text, output)
    else:
        put_shown(output, format_audit(fair), text)


def _write_page(path: Path, ledger: Ledger, campaign: str | None) -> None:
    from nas.report.stats_process import StatsProcess

    with StatsProcess() as beside:  # loads its libraries while this process loads its own
        from nas.report.page import page

        size = write(path, page(ledger, campaign, beside=beside))
    echo(f"{path}: {size / 1e6:.1f} MB, opens in any browser and asks nobody for anything")


def show(
    candidate: Candidate,
    campaign: options.Campaign = None,
    code: Annotated[bool, typer.Option("--code", help="Print the rendered file alone.")] = False,
    db: options.Db = "runs.db",
    as_json: options.Json = False,
) -> None:
    """Show one candidate: its metrics, baselines, attempts and code.

    Example: `nas show "#0"`
    """
    from nas.report.show import details, shown

    if code and as_json:
        raise typer.BadParameter("--code prints the file alone: leave out --json")
    found = details(Ledger(db), candidate, campaign)
    if as_json:
        echo_json(found)
    elif code:
        echo(found["code"], lines=True)
    else:
        console.print(shown(found))


def export(
    candidate: Candidate,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder to write to.")],
    campaign: options.Campaign = None,
    code_only: Annotated[bool, typer.Option("--code-only", help="Leave the weights out.")] = False,
    db: options.Db = "runs.db",
) -> None:
    """Write a finished candidate as files that need torch and timm alone.

    Example: `nas export "#0" -o best/`
    """
    from nas.export.model import export as write

    written = write(
        Ledger(db),
        candidate,
        output,
        campaign,
        code_only=code_only,
        say=lambda line: echo(line, err=True),
    )
    for path in written:
        echo(path)


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    for command in (status, report, show, export):
        app.command()(command)
