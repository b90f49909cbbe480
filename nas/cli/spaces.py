"""`nas spaces`, `nas families`, `nas data`: what there is to search in and train on."""

import re
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

from nas.cli import complete, defaults, options
from nas.cli.console import console, echo, echo_json, open_if_there, write
from nas.files import check_folder, make_folder
from nas.ledger.output_paths import check_output
from nas.schema import MemberProfile, ProblemError, UsageError
from nas.schema.size import parse_size


def spaces(
    new: Annotated[
        str | None, typer.Option("--new", help="Write search_spaces/NAME.yaml by probing timm.")
    ] = None,
    img_size: Annotated[
        int | None, typer.Option(min=8, max=2048, help="With --new: pixels a side. [64]")
    ] = None,
    max_params: Annotated[
        str | None, typer.Option(help="With --new: the largest member, as in 500k. [12M]")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(min=0, max=1024, help="With --new: probe on a GPU. [0]")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the search spaces, or write a new one.

    Example: `nas spaces --new mine --img-size 64 --max-params 12M`
    """
    from nas.space import available, load

    if new is not None:
        if as_json:
            raise typer.BadParameter("--json lists what there is, and goes without --new")
        _write_new(new, img_size or 64, "12M" if max_params is None else max_params, gpus or 0)
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
    if as_json:
        echo_json(rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("space", "families", "members", "sets", "pixels", "template", ""):
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
    console.print(table)


def _count(number: int) -> str:
    """A count in full, or its size alone where it has more digits than anyone reads."""
    return f"{number:,}" if number < 10**15 else f"about 10^{len(str(number)) - 1}"


_NUMBERS = ("families", "members", "sets", "pixels")


def families(
    space: options.SpaceName = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="Fixes the number of classes. [digits; cifar10 with --gpus]",
            autocompletion=complete.datasets,
        ),
    ] = None,
    gpus: Annotated[int, typer.Option(min=0, max=1024, help="Probe on a GPU.")] = 0,
    data_root: options.DataRoot = Path("data"),
    db: options.Db = "runs.db",
    as_json: options.Json = False,
) -> None:
    """Probe a space's members and show what each costs.

    Every member is built and stepped once in a process of its own; results are kept in the ledger
    if there is one.

    Example: `nas families moe4 --dataset cifar10`
    """
    from nas.campaign.probing import classes_of, conditions_for, probe_members
    from nas.hardware import check_gpus
    from nas.ledger import Ledger
    from nas.schema import SearchConfig
    from nas.space import check_models, load
    from nas.space import find as find_space

    space, dataset = defaults.space_for(space, gpus), defaults.dataset_for(dataset, gpus)
    chosen = load(space)
    check_models(chosen, find_space(space))
    check_gpus(gpus)
    defaults.provide(dataset, data_root)
    config = SearchConfig(dataset=dataset, gpus=gpus, data_root=str(data_root))
    under = conditions_for(chosen, config, classes_of(config))
    ledger = Ledger(db, read_only=False) if open_if_there(db) else None
    members = [member for _, member in chosen.members]
    with console.status(Text("probing…")) as status:

        def watch(done: int, total: int, probe: MemberProfile) -> None:
            status.update(Text(f"probing {done}/{total}: {probe.member.model}"))

        probes = probe_members(
            ledger, members, under, gpus=gpus, watch=watch, say=lambda line: echo(line, err=True)
        )
    if as_json:
        echo_json([_plain(family, probes[member.model]) for family, member in chosen.members])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("family", "member", "M params", "M MACs", "MiB/image", "s/step", "probe"):
        table.add_column(column, justify="right" if "/" in column or "M " in column else "left")
    for family, member in chosen.members:
        probe = probes[member.model]
        figures = (
            f"{probe.params / 1e6:.2f}",
            f"{probe.macs / 1e6:.1f}",
            f"{probe.saved_bytes / 2**20:.2f}",
            f"{probe.seconds:.3f}",
        )
        table.add_row(
            family,
            member.model,
            *(figures if probe.ok else ["–"] * len(figures)),
            Text("ok", "green") if probe.ok else Text("fails", "red"),
        )
    console.print(table)
    for _, member in chosen.members:
        if not (probe := probes[member.model]).ok:
            echo(f"{member.model} fails: {probe.problem}")


def _plain(family: str, probe: MemberProfile) -> dict[str, object]:
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
def _list(context: typer.Context) -> None:
    """List the data sets and how to get each.

    Example: `nas data`
    """
    from nas.data import describe

    if context.invoked_subcommand is not None:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("data set", "what", "how to get it"):
        table.add_column(column)
    for known in describe():
        table.add_row(known.typed, known.about, known.how)
    console.print(table)


@data.command()
def get(
    name: Annotated[str, typer.Argument(help="cifar10, cifar100 or tiny-imagenet.")],
    data_root: options.DataRoot = Path("data"),
) -> None:
    """Download a data set and verify it.

    Example: `nas data get cifar10`
    """
    from nas.data import download

    check_output(data_root)
    download(name, data_root)
    console.print(f"{name} is in {data_root}")


def _write_new(name: str, image_size: int, max_params: str, gpus: int) -> None:
    from nas.campaign.new_space import new_space
    from nas.space import dump

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UsageError(f"{name!r} is not a name for a space", fix="use letters, digits, - and _")
    path = Path("search_spaces") / f"{name}.yaml"
    if path.exists():
        raise UsageError("this space exists already", where=str(path), fix="choose another name")
    check_output(path)  # probing takes minutes
    check_folder(path.parent)
    largest = parse_size(max_params, "--max-params")
    with console.status(Text("asking timm for its models…")) as status:
        space = new_space(
            *(name, image_size, largest),
            gpus=gpus,
            watch=lambda text: status.update(Text(text)),
            say=console.print,
        )
    make_folder(path.parent)
    write(path, dump(space))
    console.print(f"{path}: {len(space.families)} families, {len(space.members)} members")


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(spaces)
    app.command()(families)
    app.add_typer(data, name="data")
