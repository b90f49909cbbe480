"""`nas spaces`, `nas families`, `nas data`: what there is to search in and train on."""

import re
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table
from rich.text import Text

from nas.cli import complete, defaults, options
from nas.cli.console import console, write
from nas.cli.output import form_of, print_records
from nas.cli.profiles import member_profiles
from nas.cli.working import working
from nas.files import check_folder, make_folder
from nas.report.cells import MISSING, cell
from nas.schema import MemberProfile, ProblemError, UsageError
from nas.schema.size import parse_size


def spaces(
    new: Annotated[str | None, typer.Option("--new", hidden=True)] = None,
    img_size: Annotated[
        int | None, typer.Option("--img-size", min=8, max=2048, hidden=True)
    ] = None,
    max_params: Annotated[str | None, typer.Option(hidden=True)] = None,
    gpus: Annotated[int | None, typer.Option(min=0, max=1024, hidden=True)] = None,
    form: options.Format = "table",
    as_json: options.Json = False,
) -> None:
    """List the search spaces; `nas new` writes one.

    Example: `nas spaces`
    """
    from nas.space import available, load

    if new is not None:
        if form_of(form, as_json) != "table":
            raise typer.BadParameter("--format is of the list, and goes without --new")
        write_new(new, img_size or 64, "12M" if max_params is None else max_params, gpus or 0)
        return
    options.only_with("--new", {"--img-size": img_size, "--max-params": max_params, "--gpus": gpus})
    rows: list[dict[str, object]] = []
    for name, path in available().items():
        try:
            space = load(name)
        except ProblemError as error:
            rows.append({"space": name, "file": str(path), "problem": str(error)})
            continue
        rows.append(
            {
                "space": name,
                "families": len(space.families),
                "members": len(space.members),
                "experts": space.experts.k if space.experts else 0,
                "sets": space.subsets,
                "image_size": space.image_size,
                "template": space.template,
                "description": space.description,
                "file": str(path),
            }
        )
    print_records(form_of(form, as_json), rows, shown=[_listed(rows)])


def _listed(rows: list[dict[str, object]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("space", "families", "members", "sets", "px", "template", ""):
        table.add_column(column, justify="right" if column in _NUMBERS else "left")
    for row in rows:
        if "problem" in row:
            table.add_row(str(row["space"]), "", "", "", "", "", Text(str(row["problem"]), "red"))
            continue
        table.add_row(
            str(row["space"]),
            str(row["families"]),
            str(row["members"]),
            _count(cast(int, row["sets"])),
            str(row["image_size"]),
            str(row["template"]),
            str(row["description"]),
        )
    return table


def _count(number: int) -> str:
    """A count in full, or its size alone where it has more digits than anyone reads."""
    return f"{number:,}" if number < 10**15 else f"about 10^{len(str(number)) - 1}"


_NUMBERS = ("families", "members", "sets", "px")


def families(
    space: options.SpaceName = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="Data set; sets the number of classes. [digits; cifar10 with --gpus]",
            autocompletion=complete.datasets,
        ),
    ] = None,
    gpus: Annotated[
        int,
        typer.Option(min=0, max=1024, help="Number of GPUs; profile on a GPU if there are any."),
    ] = 0,
    data_root: options.DataRoot = Path("data"),
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Profile a space's members and show what each costs.

    Every member is built and trained for one step in a process of its own. Results are stored in
    the ledger if there is one.

    Example: `nas families moe4 --dataset cifar10`
    """
    data_set = defaults.dataset_for(dataset, gpus)
    chosen, probes = member_profiles(defaults.space_for(space, gpus), data_set, gpus, data_root, db)
    records = [_plain(family, probes[member.model]) for family, member in chosen.members]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("family", "member"):  # a name that is cut is none
        table.add_column(column, no_wrap=True, overflow="ignore")
    for column in ("params", "MACs", "MiB/img", "s/step", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for record in records:
        figures = (
            cell("params", record["params"]),
            cell("macs", record["macs"]),
            _mebibytes(record["saved_bytes_per_image"]),
            cell("", record["step_seconds"]),
        )
        table.add_row(
            *(str(record["family"]), str(record["member"]), *figures),
            Text("ok", "green") if record["ok"] else Text("fails", "red"),
        )
    failed = [
        f"{record['member']} fails: {record['problem']}" for record in records if not record["ok"]
    ]
    print_records(form_of(form, as_json), records, shown=[table, *failed])


def _mebibytes(size: Any) -> str:
    return MISSING if size is None else f"{size / 2**20:.2f}"


def _plain(family: str, probe: MemberProfile) -> dict[str, Any]:
    """A member's probe in plain data; figures that a failed one does not have are None."""
    figures = {
        "params": probe.params,
        "macs": probe.macs,
        "saved_bytes_per_image": probe.saved_bytes,
        "step_seconds": probe.seconds,
        "step_batch": probe.batch,
    }
    return {
        "family": family,
        "member": probe.member.model,
        "args": probe.member.args,
        "ok": probe.ok,
        **(figures if probe.ok else dict.fromkeys(figures)),
        "problem": probe.problem,
    }


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
    name: Annotated[str, typer.Argument(help="cifar10, cifar100 or tiny-imagenet.")],
    data_root: options.DataRoot = Path("data"),
) -> None:
    """Download a data set and verify it.

    Example: `nas data get cifar10`
    """
    from nas.data import download
    from nas.ledger.output_paths import check_output

    check_output(data_root)
    download(name, data_root)
    console.print(f"{name} is in {data_root}")


def new(
    name: Annotated[str, typer.Argument(help="The space's name.")],
    image_size: Annotated[
        int,
        typer.Option(
            "--image-size",
            "--img-size",
            metavar="N",
            min=8,
            max=2048,
            help="Width and height in pixels.",
        ),
    ] = 64,
    max_params: Annotated[
        str, typer.Option(metavar="SIZE", help="Most parameters of a member, as in 500k.")
    ] = "12M",
    gpus: Annotated[
        int,
        typer.Option(
            "--gpus",
            "-g",
            min=0,
            max=1024,
            help="Number of GPUs; profile on a GPU if there are any.",
        ),
    ] = 0,
) -> None:
    """Write a new space, search_spaces/NAME.yaml, of all timm models that fit and can be trained.

    Example: `nas new mine --image-size 64 --max-params 12M`
    """
    write_new(name, image_size, max_params, gpus)


def write_new(name: str, image_size: int, max_params: str, gpus: int) -> None:
    from nas.campaign.new_space import new_space
    from nas.ledger.output_paths import check_output
    from nas.space import dump

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UsageError(f"{name!r} is not a name for a space", fix="use letters, digits, - and _")
    path = Path("search_spaces") / f"{name}.yaml"
    if path.exists():
        raise UsageError("this space exists already", where=str(path), fix="choose another name")
    check_output(path)  # probing takes minutes
    check_folder(path.parent)
    largest = parse_size(max_params, "--max-params")
    with working("reading timm's models") as update:
        space = new_space(
            *(name, image_size, largest),
            gpus=gpus,
            watch=update,
            say=console.print,
        )
    make_folder(path.parent)
    write(path, dump(space))
    console.print(f"{path}: {len(space.families)} families, {len(space.members)} members")


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(spaces)
    app.command()(new)
    app.command()(families)
    app.add_typer(data, name="data")
