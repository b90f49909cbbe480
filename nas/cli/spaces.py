"""`nas spaces`: what there is to search in."""

from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

from nas.cli import options
from nas.cli.new import ImageSizeAlias, write_new
from nas.cli.option_checks import only_with
from nas.cli.output import form_of, print_records
from nas.schema import ProblemError


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


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(spaces)
