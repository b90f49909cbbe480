"""`nas new`: writes a search space."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options
from nas.cli.console import note, write
from nas.cli.groups import grouped
from nas.cli.option_checks import only_with
from nas.cli.output import Form, form_of, print_facts
from nas.cli.working import working
from nas.files import check_folder, make_folder
from nas.schema import Space, UsageError
from nas.schema.size import parse_size

ImageSizeAlias = Annotated[int | None, typer.Option("--img-size", min=8, max=2048, hidden=True)]
"""The name that --image-size had."""
PANEL = "Pretrained networks"


@dataclass(frozen=True)
class PretrainedOptions:
    """Whether a space is of pretrained networks, and of which."""

    pretrained: Annotated[
        bool,
        typer.Option(
            "--pretrained",
            help="Make a space of timm's pretrained networks, to be finetuned.",
            rich_help_panel=PANEL,
        ),
    ] = False
    choose: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="Experts of a mixture. [2]", rich_help_panel=PANEL),
    ] = None
    max_macs: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Most multiply-accumulates of an image. [1.5G; 10G with a GPU]",
            rich_help_panel=PANEL,
        ),
    ] = None
    licences: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Licences that weights may have, or any. [apache-2.0,bsd-3-clause,mit]",
            rich_help_panel=PANEL,
        ),
    ] = None
    dataset: options.Dataset = None

    def check(self) -> None:
        """Raises UsageError for options that only pretrained networks have."""
        given = {"--max-macs": self.max_macs, "--choose": self.choose, "--licences": self.licences}
        if not self.pretrained:
            only_with("--pretrained", {**given, "--dataset": self.dataset})

    @property
    def allowed(self) -> tuple[str, ...]:
        """The licences; none for any."""
        from nas.experts.published import PERMISSIVE

        if self.licences is None:
            return PERMISSIVE
        listed = tuple(each.strip() for each in self.licences.split(",") if each.strip())
        return () if listed == ("any",) else listed


@grouped
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
    *,
    trained: PretrainedOptions,
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
    trained.check()
    if not trained.pretrained:
        write_new(name, size or 64, max_params, gpus or 0, chosen)
        return
    if size is not None:
        raise UsageError(
            "pretrained networks have sizes of their own", where="--image-size", fix="leave it out"
        )
    _write_pretrained(name, max_params, gpus or 0, trained, chosen)


def _write_pretrained(
    name: str, max_params: str, gpus: int, trained: PretrainedOptions, form: Form
) -> None:
    from nas.campaign.new_space import pretrained_space

    path = _checked_path(name)
    with working("reading timm's models"):
        space = pretrained_space(
            name,
            dataset=trained.dataset or "",
            choose=trained.choose or 2,
            max_params=parse_size(max_params, "--max-params"),
            max_macs=parse_size(trained.max_macs or ("10G" if gpus else "1.5G"), "--max-macs"),
            licences=trained.allowed,
        )
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
    """Adds this module's command."""
    app.command()(new)
