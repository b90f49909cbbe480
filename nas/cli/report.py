"""`nas report`: one table about a campaign, or all of them as a page or as figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from nas.cli import complete, consent, options
from nas.cli.chosen import campaign_named
from nas.cli.console import console, echo, note, put, put_shown, write
from nas.cli.option_checks import writable
from nas.cli.output import Form, form_of, print_records, rendered_analysis
from nas.cli.working import working
from nas.report.cells import disk
from nas.schema import ProblemError, UsageError

if TYPE_CHECKING:
    from nas.ledger import Ledger


def report(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A table's name. Without one, the tables are listed.",
            autocompletion=complete.reports,
        ),
    ] = None,
    campaign: options.Campaign = None,
    form: options.Format = None,
    as_json: options.Json = False,
    output: options.Output = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            callback=writable,
            help="Write all tables as one interactive page for a browser.",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            callback=writable,
            help="Write the main figures as SVG and PDF files into a folder.",
        ),
    ] = None,
    screen: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            help="Number of a screen, for tables of screens. [the campaign's, or the latest]",
        ),
    ] = None,
    about: Annotated[
        bool, typer.Option("--about", help="Say what the table's columns mean, and stop.")
    ] = False,
    db: options.Db = "runs.db",
) -> None:
    """Print one table about a campaign, or write all of them as one page.

    In CSV, text that a spreadsheet would read as a formula begins with an apostrophe.

    Example: `nas report family_yield -f md -o yield.md`, `nas report --html out.html`
    """
    from nas.ledger import Ledger

    form = form_of(form, as_json, output)
    if about:
        _explain(name)
        return
    consent.ask_about_analyses()
    if html is not None or figures is not None:
        if name is not None or output is not None or form != "table" or screen is not None:
            raise UsageError(
                f"{'--html' if html is not None else '--figures'} writes the whole report",
                fix="leave out the table's name, --format, --output and --screen",
            )
        _write_all(Ledger(db), campaign, html, figures)
    elif name is None:
        _list(form, output)
    else:
        _print_table(name, Ledger(db), campaign, screen, form, output)


def _explain(name: str | None) -> None:
    from nas.results import about

    if name is None:
        raise UsageError("--about is about one table", fix="name it; `nas report` lists them")
    for line in about(name).splitlines():
        echo(line)


def _list(form: Form, output: Path | None) -> None:
    from nas.results import tables

    known = [{"table": known, "question": _question(known)} for known in tables()]
    width = max(len(row["table"]) for row in known)
    shown: list[RenderableType] = [f"{row['table']:{width}}  {row['question']}" for row in known]
    if console.is_terminal and output is None:
        listed = Table.grid(padding=(0, 2))
        for row in known:
            listed.add_row(row["table"], row["question"])
        shown = [listed]
    print_records(form, known, shown=shown, output=output)


def _print_table(
    name: str,
    ledger: "Ledger",
    campaign: str | None,
    screen: int | None,
    form: Form,
    output: Path | None,
) -> None:
    """Prints one table, under the audit of the campaign's draws; a table whose `attrs["of"]` is
    `screen` is about no campaign."""
    from nas.report import format_audit, markdown
    from nas.results import audit_result, question, table

    with working(f"computing {name}"):
        answer = table(name, ledger, campaign, screen)
    of_campaign = answer.attrs.get("of") != "screen"
    chosen = campaign_named(ledger, campaign) if of_campaign else None
    with working("auditing the draws"):
        fair = audit_result(ledger, chosen) if chosen else None
    space = ledger.campaign(chosen).space if chosen else None
    if form in ("csv", "json") and answer.empty:  # the other forms say it themselves
        echo(answer.attrs["empty"], err=True)
    text = rendered_analysis(answer, form, question(name), chosen, space=space)
    if isinstance(text, str):
        if fair is not None and form == "md":
            text = "\n\n".join([*map(markdown, fair.lines), text])
        elif fair is not None and fair.verdict == "biased":  # stdout is for a program
            echo(fair.line, err=True)
        put(text, output)
    else:
        put_shown(output, *([] if fair is None else [format_audit(fair)]), text)
        note(f"`nas report {name} --about` says what the columns mean.")


def _question(name: str) -> str:
    from nas.results import question

    try:
        return question(name)
    except ProblemError as error:  # an unfinished analysis of the user's
        return str(error)


def _write_all(
    ledger: "Ledger", campaign: str | None, html: Path | None, figures: Path | None
) -> None:
    campaign = campaign_named(ledger, campaign)
    if html is not None:
        _write_page(html, ledger, campaign)
    if figures is not None:
        _write_figures(figures, ledger, campaign)


def _write_page(path: Path, ledger: "Ledger", campaign: str | None) -> None:
    from nas.report.stats_process import StatsProcess

    # The second process loads its libraries while this one loads its own.
    with working("writing the page"), StatsProcess() as stats:
        from nas.report.page import page

        size = write(path, page(ledger, campaign, stats=stats))
    echo(f"{path}: {disk(size)}, opens in any browser, offline")


def _write_figures(folder: Path, ledger: "Ledger", campaign: str | None) -> None:
    from nas.report.figures import figures
    from nas.report.page import page_data

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with working("reading the campaign"):
            data = page_data(ledger, campaign)
        for name, made in figures(data, folder):
            if isinstance(made, str):
                echo(f"{name}: not drawn. {made}", err=True)
            else:
                for path in made:
                    echo(path)
    except OSError as error:
        raise ProblemError(
            f"the figures cannot be written: {error.strerror}",
            where=str(folder),
            fix="choose another folder with --figures",
        ) from None


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(report)
