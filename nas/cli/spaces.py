"""`nas spaces`, `nas new`: what there is to search in."""

import re
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

from nas.cli import options
from nas.cli.console import note, write
from nas.cli.option_checks import only_with
from nas.cli.output import Form, form_of, print_facts, print_records
from nas.cli.working import working
from nas.files import check_folder, make_folder
from nas.schema import ProblemError, Space, UsageError
from nas.schema.size import parse_size

ImageSizeAlias = Annotated[int | None, typer.Option("--img-size", min=8, max=2048, hidden=True)]
"""The name that --image-size had."""


def spaces(
    new: Annotated[str | None, typer.Option("--new", hidden=True)] = None,
    img_size: ImageSizeAlias = None,
    max_params: Annotated[str | None, typer.Option(hidden=True)] = None,
    gpus: Annotated[int | None, typer.Option(min=0, max=1024, hidden=True)] = None,
    form: options.Format = "table",
    as_json: options.Json = False,
) -> None:
    """List the search spaces; `nas new` writes one.

    Example: `nas spaces`
    """
    from nas.space import available, load

    chosen = form_of(form, as_json)
    if new is not None:
        largest = "12M" if max_params is None else max_params
        write_new(new, img_size or 64, largest, gpus or 0, chosen)
        return
    only_with("--new", {"--img-size": img_size, "--max-params": max_params, "--gpus": gpus})
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
                "families": len(space.experts.families) if space.experts else 0,
                "arms": len(space.arms),
                "members": sum(map(len, space.groups.values())),
                "experts": space.experts.k if space.experts else 0,
                "sets": space.subsets,
                "image_size": space.image_size,
                "template": space.template,
                "description": space.description,
                "file": str(path),
            }
        )
    print_records(chosen, rows, shown=[_listed(rows)])


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
            f"{row['arms']} arms" if row["arms"] else str(row["families"]),
            str(row["members"]),
            _count(cast(int, row["sets"])),
            str(row["image_size"]),
            str(row["template"]),
            str(row["description"]),
        )
    return table


def _count(number: int) -> str:
    """A count in full, or only its order of magnitude if it has more than 15 digits."""
    return f"{number:,}" if number < 10**15 else f"about 10^{len(str(number)) - 1}"


_NUMBERS = ("families", "members", "sets", "px")


def new(
    name: Annotated[str, typer.Argument(help="The space's name.")],
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            metavar="N",
            min=8,
            max=2048,
            help="Width and height in pixels. [64; as pretrained]",
        ),
    ] = None,
    max_params: Annotated[
        str, typer.Option(metavar="SIZE", help="Most parameters of a member, as in 500k.")
    ] = "12M",
    max_macs: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="With --pretrained: most multiply-accumulates of an image. [1.5G; 10G with a GPU]",
        ),
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Of timm's pretrained networks, to be finetuned.")
    ] = False,
    choose: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="With --pretrained: experts of a mixture. [2]"),
    ] = None,
    licences: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="With --pretrained: licences that weights may have, or any."
            " [apache-2.0,bsd-3-clause,mit]",
        ),
    ] = None,
    dataset: options.Dataset = None,
    gpus: options.Gpus = None,
    img_size: ImageSizeAlias = None,
    form: options.Format = "table",
    as_json: options.Json = False,
) -> None:
    """Write a new space, search_spaces/NAME.yaml: of all timm models that fit and can be trained,
    or of pretrained ones.

    Example: `nas new mine --max-params 12M`, `nas new photos --dataset folder:photos --pretrained`
    """
    chosen, size = form_of(form, as_json), img_size or image_size
    if not pretrained:
        given = {"--max-macs": max_macs, "--choose": choose, "--licences": licences}
        only_with("--pretrained", {**given, "--dataset": dataset})
        write_new(name, size or 64, max_params, gpus or 0, chosen)
        return
    if size is not None:
        raise UsageError(
            "pretrained networks have sizes of their own", where="--image-size", fix="leave it out"
        )
    write_pretrained(
        name,
        chosen,
        dataset=dataset or "",
        choose=choose or 2,
        max_params=parse_size(max_params, "--max-params"),
        max_macs=parse_size(max_macs or ("10G" if gpus else "1.5G"), "--max-macs"),
        licences=licences,
    )


def write_pretrained(
    name: str, form: Form, *, dataset: str, licences: str | None, **limits: int
) -> None:
    """Makes a space of pretrained networks and writes it; prints what it holds."""
    from nas.campaign.new_space import pretrained_space
    from nas.experts.published import PERMISSIVE

    path = _checked_path(name)
    allowed: tuple[str, ...] = PERMISSIVE
    if licences is not None:
        listed = tuple(each.strip() for each in licences.split(",") if each.strip())
        allowed = () if listed == ("any",) else listed
    with working("reading timm's models"):
        space = pretrained_space(name, dataset=dataset, licences=allowed, **limits)
    _write(space, path, form)
    note(f"Next: `nas weights get {name}` fetches their weights.")


def write_new(name: str, image_size: int, max_params: str, gpus: int, form: Form) -> None:
    """Makes a space and writes it; prints what it holds."""
    from nas.campaign.new_space import new_space

    path = _checked_path(name)
    largest = parse_size(max_params, "--max-params")
    with working("reading timm's models") as update:
        space = new_space(
            *(name, image_size, largest),
            gpus=gpus,
            watch=update,
            on_message=note,
        )
    _write(space, path, form)


def _checked_path(name: str) -> Path:
    """Where a new space is written. Raises UsageError for what is no name, or a space already."""
    from nas.ledger.output_paths import check_output

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UsageError(f"{name!r} is not a name for a space", fix="use letters, digits, - and _")
    path = Path("search_spaces") / f"{name}.yaml"
    if path.exists():
        raise UsageError("this space exists already", where=str(path), fix="choose another name")
    check_output(path)  # what follows may take minutes
    check_folder(path.parent)
    return path


def _write(space: Space, path: Path, form: Form) -> None:
    from nas.space import dump

    make_folder(path.parent)
    write(path, dump(space))
    facts = {
        "space": space.name,
        "file": str(path),
        "families": len(space.families),
        "members": len(space.members),
    }
    line = f"{path}: {facts['families']} families, {facts['members']} members"
    print_facts(form, facts, shown=[line])


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(spaces)
    app.command()(new)
