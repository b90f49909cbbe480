"""`nas list`, `nas rm`, `nas compare`: the campaigns of a ledger."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import complete, options
from nas.cli.console import says_yes
from nas.cli.output import form_of, print_records
from nas.cli.working import working
from nas.report import render
from nas.report.cells import disk
from nas.schema import UsageError, format_duration
from nas.schema.visible import visible

if TYPE_CHECKING:
    from nas.ledger.removal import Removal

Name = Annotated[str, typer.Argument(help="A campaign.", autocompletion=complete.campaigns)]


def list_campaigns(
    form: options.Format = "table", as_json: options.Json = False, db: options.Db = "runs.db"
) -> None:
    """List the campaigns of a ledger, latest first: state, best accuracy, age, size on disk.

    Example: `nas list`
    """
    from nas.ledger import Ledger
    from nas.ledger.campaign_list import campaign_lines

    chosen = form_of(form, as_json)
    ledger = Ledger(db)
    lines = [line.model_dump() for line in campaign_lines(ledger)]
    shown = [
        {
            "campaign": line["campaign"],
            "state": line["state"],
            "best_val_acc": line["best_val_acc"],
            "done": line["candidates"],
            "age": _age(line["age_seconds"]),
            "disk_bytes": line["disk_bytes"],
            "worked": format_duration(line["worked_seconds"]),
            "space": line["space"],
            "dataset": line["dataset"],
            "kind": "bank" if line["kind"] == "bank" else "",
        }
        for line in lines
    ]
    table = render(shown, "table", note=ledger.place, limit=None)
    none = "No campaign is in this ledger yet."
    print_records(chosen, lines, shown=[table if lines else none])


def _age(seconds: float) -> str:
    """An age in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"


def rm(
    names: Annotated[
        list[str], typer.Argument(help="Names of campaigns.", autocompletion=complete.campaigns)
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Remove campaigns: their rows in the ledger, and their checkpoints and weights.

    Asks first. Refuses a running campaign. Keeps what another campaign needs.

    Example: `nas rm tiny-digits`
    """
    from nas.ledger import Ledger
    from nas.ledger.removal import planned_removal, remove_campaign

    chosen = form_of(form, as_json)
    ledger = Ledger(db, read_only=False, create=False)
    wanted = [planned_removal(ledger, name) for name in dict.fromkeys(names)]
    removed: list[Removal] = []
    try:
        for removal in wanted:
            if not yes and not says_yes(f"Remove {_described(removal)}, for good?"):
                raise UsageError(
                    f"{removal.campaign} is not removed: it was not confirmed",
                    where=ledger.place,
                    fix="type yes where it asks, or give --yes",
                )
            with working(f"removing {removal.campaign}"):
                removed.append(remove_campaign(ledger, removal.campaign))
    finally:  # those before one that was not
        lines = [f"removed {_described(removal)}" for removal in removed]
        if removed or chosen == "json":
            print_records(chosen, [asdict(removal) for removal in removed], shown=lines)


def _described(removal: "Removal") -> str:
    return f"{removal.campaign}: {removal.candidates:,} candidates, {disk(removal.bytes)}"


def compare(
    a: Annotated[str, typer.Argument(help="First campaign.", autocompletion=complete.campaigns)],
    b: Annotated[str, typer.Argument(help="Second campaign.", autocompletion=complete.campaigns)],
    form: options.Format = None,
    as_json: options.Json = False,
    output: options.Output = None,
    db: options.Db = "runs.db",
) -> None:
    """Compare two campaigns: mean accuracies, their difference, and its 95 % interval.

    The row `pairs` compares candidates with the same members, settings and replicate, if data and
    split agree; it is the most precise, since what a pair shares cancels. `all` compares all
    candidates that learned, `best` the best of each campaign. Candidates are those of the search:
    their replicates do not count.

    Example: `nas compare tiny-digits tiny-digits-2`
    """
    from nas.ledger import Ledger
    from nas.results.comparison import compare as compared

    chosen = form_of(form, as_json, output)
    ledger = Ledger(db)
    with working("comparing"):
        found = compared(ledger, ledger.campaign(a).name, ledger.campaign(b).name)
    rows = [
        {str(name): value for name, value in row.items()}
        for row in found.rows.astype(object).where(found.rows.notna(), None).to_dict("records")
    ]
    document = {
        "a": found.a,
        "b": found.b,
        "differ": list(found.differ),
        "not_paired": found.unpaired or None,
        "replicates_left_out": list(found.left_out),
        "rows": rows,
    }
    lines = [f"a: {found.a}", f"b: {found.b}"]
    lines += [f"  {line}" for line in found.differ] or ["both with the same settings"]
    if found.unpaired:
        lines.append(f"not paired: {found.unpaired}")
    counted = "n counts candidates of the search"
    if any(found.left_out):
        counted += f", not their {found.left_out[0]:,} and {found.left_out[1]:,} replicates"
    title = f"How does {a} compare with {b}?"
    table = render(found.rows, "table", title=title, note=counted, limit=None)
    shown = ["\n".join(map(visible, lines)), "", table]
    print_records(
        chosen,
        rows,
        shown=shown,
        document=document,
        title=title,
        note="; ".join([f"a: {a}, b: {b}", *filter(None, [found.unpaired]), counted]),
        output=output,
    )


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command("list")(list_campaigns)
    app.command()(rm)
    app.command()(compare)
