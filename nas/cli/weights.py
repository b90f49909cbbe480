"""`nas weights`: pretrained weights on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from nas.cli import options
from nas.cli.console import note
from nas.cli.output import form_of, print_records
from nas.cli.working import working
from nas.schema import Member, ProblemError, Space

if TYPE_CHECKING:
    from nas.experts.weights import WeightStore

weights = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The space: a name or a .yaml file.")]


@weights.callback()
def _group() -> None:
    """Pretrained weights: fetched once, then used without a network."""


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
    _print(chosen, store, chosen_form)
    if failed:
        raise ProblemError(
            f"{failed} of {len(members)} weights are missing",
            fix="remove these members from the space, or fetch their weights",
        )


@weights.command("list")
def list_(space: Name, form: options.Format = "table", as_json: options.Json = False) -> None:
    """List the pretrained weights that a space names, and whether they are on this machine.

    Example: `nas weights list photos`
    """
    from nas.experts.weights import WeightStore
    from nas.space import load

    _print(load(space), WeightStore.default(), form_of(form, as_json))


def _print(space: Space, store: "WeightStore", form: str) -> None:
    from nas.experts.weights import pretrained_members

    records = [_record(member, store) for member in pretrained_members(space)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("member", "weights", "px", "licence", "revision", ""):
        table.add_column(column, justify="right" if column == "px" else "left")
    for record in records:
        here = Text("here", "green") if record["here"] else Text("missing", "red")
        shown = (record[name] for name in ("member", "weights", "image_size", "licence"))
        table.add_row(*(str(each or "") for each in shown), str(record["revision"] or "")[:8], here)
    print_records(form, records, shown=[table])  # type: ignore[arg-type]


def _record(member: Member, store: "WeightStore") -> dict[str, object]:
    assert member.weights is not None
    found = store.find(member)
    return {
        "member": member.model,
        "weights": member.weights.name,
        "here": found is not None,
        "image_size": found.inputs.image_size if found else None,
        "licence": found.licence if found else None,
        "revision": found.revision if found else None,
        "sha256": found.sha256 if found else None,
    }


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.add_typer(weights, name="weights")
