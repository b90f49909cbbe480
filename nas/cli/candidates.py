"""`nas show`, `nas export`: one candidate."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options
from nas.cli.console import echo, note
from nas.cli.output import form_of, print_facts, print_records
from nas.cli.volume import verbose
from nas.schema import printed_name

Candidate = Annotated[
    list[str],
    typer.Argument(
        help="A candidate: best, 12, `control 3`, `replicate 3`, `confirm 0`, CAMPAIGN/12, a key or"
        " its beginning."
    ),
]


def show(
    candidate: Candidate,
    campaign: options.Campaign = None,
    code: Annotated[bool, typer.Option("--code", help="Print only the rendered code.")] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Show one candidate: its metrics, baselines, experts, epochs and attempts; with -v also the
    tracebacks of those that failed.

    Example: `nas show 12`
    """
    from nas.ledger import Ledger
    from nas.report.show import details, shown

    chosen = form_of(form, as_json)
    if code and chosen != "table":
        raise typer.BadParameter("--code prints only the code: leave out --json and --format")
    found = details(Ledger(db), " ".join(candidate), campaign)
    if code:
        echo(found["code"], lines=True)
    elif chosen == "json":
        print_facts(chosen, found, shown=[])
    else:
        facts = {name: value for name, value in found.items() if name != "code"}
        print_facts(chosen, facts, shown=[shown(found, tracebacks=verbose())])


def export(
    candidate: Candidate,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    campaign: options.Campaign = None,
    code_only: Annotated[bool, typer.Option("--code-only", help="Leave the weights out.")] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Export a finished candidate: code, preprocessing, weights and a model card.

    Example: `nas export 12 -o best/`
    """
    from nas.export.model import export as write
    from nas.ledger import Ledger
    from nas.ledger.lookup import find

    chosen = form_of(form, as_json)
    ledger = Ledger(db)
    found = find(ledger, " ".join(candidate), campaign)
    name = printed_name(found.candidate.role, found.candidate.number)
    note(f"{name} of campaign {found.campaign.name}, key {found.candidate.key}")
    written = write(
        ledger,
        found.candidate.key,
        output,
        found.campaign.name,
        code_only=code_only,
        on_message=note,
    )
    files = [{"file": str(path)} for path in written]
    print_records(chosen, files, shown=[file["file"] for file in files])


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(show)
    app.command()(export)
