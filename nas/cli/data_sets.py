"""`nas data`: the data sets."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from nas.cli import complete, options
from nas.cli.output import form_of, print_facts, print_records
from nas.report.cells import disk

DOWNLOADED = ("cifar10", "cifar100", "tiny-imagenet")
"""The data sets that `nas data get` downloads, named here so that none is imported."""

data = typer.Typer(invoke_without_command=True)


@data.callback()
def _list(
    context: typer.Context, form: options.Format = "table", as_json: options.Json = False
) -> None:
    """List the data sets and how to get each.

    Example: `nas data`
    """
    from nas.data import describe

    if context.invoked_subcommand is not None:
        if form != "table" or as_json:
            option = "--json" if as_json else "--format"
            raise typer.BadParameter(f"write {option} after `{context.invoked_subcommand}`")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("data set", "what", "how to get it"):
        table.add_column(column)
    rows = [{"data_set": k.typed, "what": k.about, "how_to_get_it": k.how} for k in describe()]
    for row in rows:
        table.add_row(*row.values())
    print_records(form_of(form, as_json), rows, shown=[table])


@data.command()
def get(
    name: Annotated[
        str,
        typer.Argument(
            help=options.choices(*DOWNLOADED),
            autocompletion=complete.words(*DOWNLOADED),
        ),
    ],
    data_root: options.DataRoot = Path("data"),
    form: options.Format = "table",
    as_json: options.Json = False,
) -> None:
    """Download a data set and verify it.

    Example: `nas data get cifar10`
    """
    from nas.data import download, file_bytes
    from nas.ledger.output_paths import check_output

    chosen = form_of(form, as_json)
    check_output(data_root)
    with redirect_stdout(sys.stderr):  # what a library says of its progress is no answer
        download(name, data_root)
    size = file_bytes(name, data_root)
    facts = {"data_set": name, "path": str(data_root), "bytes": size}
    print_facts(chosen, facts, shown=[f"{name} is in {data_root}: {disk(size)}"])


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.add_typer(data, name="data")
