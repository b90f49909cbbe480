"""`nas weights`: pretrained weights on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from nas.cli import options
from nas.cli.console import note
from nas.cli.output import Form, form_of, print_records
from nas.cli.working import working
from nas.report.cells import disk
from nas.schema import ProblemError, Weights

if TYPE_CHECKING:
    from nas.experts.weights import WeightStore

weights = typer.Typer(invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="The space: a name or a .yaml file.")]


@weights.callback()
def _list(
    context: typer.Context, form: options.Format = "table", as_json: options.Json = False
) -> None:
    """List the pretrained weights on this machine.

    Example: `nas weights`
    """
    from nas.experts.weights import WeightStore

    if context.invoked_subcommand is not None:
        if form != "table" or as_json:
            option = "--json" if as_json else "--format"
            raise typer.BadParameter(f"write {option} after `{context.invoked_subcommand}`")
        return
    store = WeightStore.default()
    kept = sorted(store.all(), key=lambda each: each.name)
    _print([_facts(each, store) for each in kept], form_of(form, as_json))
    if not kept:
        note("None yet: `nas weights get SPACE` fetches those that a space names.")


@weights.command()
def get(
    space: Name,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Take them from this folder, not the network."),
    ] = None,
    form: options.Format = "table",
    as_json: options.Json = False,
) -> None:
    """Fetch the pretrained weights that a space names, and check that they fit its members.

    Example: `nas weights get photos`
    """
    from nas.experts.fetching import fetch
    from nas.experts.weights import WeightStore, pretrained_members
    from nas.space import load

    chosen_form = form_of(form, as_json)
    chosen, store = load(space), WeightStore.default()
    members = list(pretrained_members(chosen))
    if not members:
        raise ProblemError(
            f"no member of {chosen.name} names pretrained weights",
            fix="add them, as in {model: resnet18, weights: resnet18.a1_in1k}",
        )
    failed = 0
    with working("fetching weights") as update:
        for number, member in enumerate(members, start=1):
            assert member.weights is not None
            update(f"fetching weights {number}/{len(members)}: {member.weights.name}")
            if source is None and store.find(member) is not None:
                continue
            try:
                fetch(member, store, source)
            except ProblemError as error:
                failed += 1
                note(str(error))
    wanted = [(store.find(member), member.weights) for member in members]
    _print([_facts(found or named, store) for found, named in wanted if named], chosen_form)
    if failed:
        raise ProblemError(
            f"{failed} of {len(members)} weights are missing",
            fix="remove these members from the space, or fetch their weights",
        )


def _print(records: list[dict[str, object]], form: Form) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("weights", "px", "licence", "revision", "size"):
        table.add_column(column, justify="right" if column in ("px", "size") else "left")
    for record in records:
        size, revision = record["bytes"], str(record["revision"] or "")
        there = disk(size) if isinstance(size, int) else Text("missing", "red")
        shown = (str(record[name] or "") for name in ("weights", "image_size", "licence"))
        table.add_row(*shown, revision[:8], there)
    print_records(form, records, shown=[table])


def _facts(known: Weights, store: "WeightStore") -> dict[str, object]:
    file = store.file(known)
    there = known.found and file.is_file()
    return {
        "weights": known.name,
        "image_size": known.inputs.image_size if there else None,
        "licence": known.licence,
        "revision": known.revision,
        "sha256": known.sha256,
        "bytes": file.stat().st_size if there else None,
    }


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.add_typer(weights, name="weights")
