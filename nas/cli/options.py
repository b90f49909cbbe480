"""Options that several commands share."""

from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, get_args

import typer

from nas.cli import complete
from nas.cli.output import Form
from nas.registry import EXECUTORS, TRACKERS, Registry


def finite(value: float | None) -> float | None:
    """Of an option: refuses `nan` and `inf`, which are numbers to the parser."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def within(low: int, high: int | None = None) -> Callable[[int | None], int | None]:
    """Of an option: bounds that help does not have to spell out beside each number."""

    def check(value: int | None) -> int | None:
        if value is not None and not low <= value <= (value if high is None else high):
            most = "" if high is None else f" and at most {high:,}"
            raise typer.BadParameter(f"{value} is not at least {low}{most}")
        return value

    return check


def writable(path: Path | None) -> Path | None:
    """Of an option: refuses what may not be written over before anything is worked out for it."""
    from nas.ledger.output_paths import check_output

    if path is not None:
        check_output(path)
    return path


def one_campaign(argument: str | None, option: str | None) -> str | None:
    """A campaign that may be typed in two places; UsageError where they name two."""
    if argument is not None and option not in (None, argument):
        raise typer.BadParameter(
            f"it names {option}, and before it stands {argument}", param_hint="--campaign"
        )
    return option if argument is None else argument


def only_with(option: str, others: Mapping[str, object]) -> None:
    """Refuses others, by name, that say nothing where an option was not given."""
    for other, given in others.items():
        if given not in (None, False):
            raise typer.BadParameter(f"{other} goes with {option}")


def choices(registry: Registry, *more: str) -> str:
    """`a|b|c`: the names that an option takes."""
    return "|".join((*registry.names(), *more))


DATA = "Space and data"
SAMPLER = "Sampler"
DRAW = "What is drawn"
TRAIN = "How candidates train"
RUN = "Where and how long"
OUTPUT = "Output"
SWITCHES = "Safeguards"
DRY = "Dry run"


SpaceName = Annotated[
    str | None,
    typer.Argument(
        help="Space: a name or YAML file. [tiny; moe4 with --gpus]",
        autocompletion=complete.spaces,
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        "-d",
        metavar="NAME",
        help="Data set; `nas data` lists them. [digits; cifar10 with --gpus]",
        autocompletion=complete.datasets,
        rich_help_panel=DATA,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        callback=within(1),
        help="Training epochs. [the space's]",
        rich_help_panel=TRAIN,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        callback=within(2),
        help="Images per step. [the space's]",
        rich_help_panel=TRAIN,
    ),
]
Lr = Annotated[
    float | None,
    typer.Option(
        "--lr",
        metavar="X",
        callback=finite,
        help="Peak learning rate. [the space's]",
        rich_help_panel=TRAIN,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="N",
        callback=within(8, 2048),
        help="Width and height in pixels. [the space's]",
        rich_help_panel=DATA,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set another: recipe.warmup=0.2",
        rich_help_panel=TRAIN,
    ),
]
DataRoot = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        show_default=False,
        help="Folder of the data sets. [data]",
        rich_help_panel=DATA,
    ),
]
SplitSeed = Annotated[
    int,
    typer.Option(
        metavar="N",
        show_default=False,
        callback=within(0),
        help="Seed of the train/validation/test split. [0]",
        rich_help_panel=DATA,
    ),
]
HoldOut = Annotated[
    float,
    typer.Option(
        min=0.01,
        max=0.9,
        help="Share of the training images kept from the experts, to fit gates on.",
        rich_help_panel=DATA,
    ),
]
BankSeed = Annotated[
    int,
    typer.Option(
        min=0,
        help="Training seed; each seed makes a bank of its own.",
        rich_help_panel=TRAIN,
    ),
]
MaybeHoldOut = Annotated[
    float | None,
    typer.Option(
        "--hold-out",
        min=0.01,
        max=0.9,
        help="As in `nas bank`. [the bank's]",
        rich_help_panel=DATA,
    ),
]
MaybeBankSeed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="As in `nas bank`. [the bank's]", rich_help_panel=TRAIN),
]
Db = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="NAS_DB",
        show_envvar=False,
        metavar="LEDGER",
        show_default=False,
        help="Ledger file or PostgreSQL URL. [$NAS_DB or runs.db]",
        rich_help_panel=OUTPUT,
    ),
]
Format = Annotated[
    Form,
    typer.Option(
        "--format",
        "-f",
        metavar="|".join(get_args(Form)),
        show_default=False,
        help="Output format. [table]",
        rich_help_panel=OUTPUT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Same as -f json.", rich_help_panel=OUTPUT)]
Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign",
        "-c",
        metavar="NAME",
        help="A campaign's name. [the latest search]",
        autocompletion=complete.campaigns,
    ),
]
CampaignArgument = Annotated[
    str | None, typer.Argument(hidden=True, autocompletion=complete.campaigns)
]
"""As it could be typed before every command had --campaign."""
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        callback=writable,
        help="Write to this file instead of the screen.",
        rich_help_panel=OUTPUT,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        "-b",
        metavar="TIME",
        help="Working time: 90s, 30m, 12h, 28d; downtime does not count.",
        rich_help_panel=RUN,
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        "-n",
        metavar="N",
        callback=within(1),
        help="Stop after this many candidates.",
        rich_help_panel=RUN,
    ),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        "-e",
        metavar=choices(EXECUTORS),
        help="What runs trials; inline is for debugging. [ray]",
        autocompletion=complete.registered(EXECUTORS),
        rich_help_panel=RUN,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        metavar="N",
        callback=within(1, 4096),
        help="Parallel trials. [1 a core; 8 a GPU]",
        rich_help_panel=RUN,
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="TIME",
        help="Limit per attempt, or none. [6h]",
        rich_help_panel=RUN,
    ),
]
BenchAfter = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        callback=within(1),
        help="Failures in a row that exclude a family. [6]",
        rich_help_panel=DRAW,
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar=choices(TRACKERS, "none"),
        help="Also log to this tracker.",
        autocompletion=complete.registered(TRACKERS, "none"),
        rich_help_panel=OUTPUT,
    ),
]
Prefer = Annotated[
    str | None,
    typer.Option(
        metavar="A,B|none",
        help="Families to draw twice as often (new phase).",
        rich_help_panel=DRAW,
    ),
]
Drop = Annotated[
    str | None,
    typer.Option(
        metavar="A,B|none", help="Families not to draw (new phase).", rich_help_panel=DRAW
    ),
]
Strict = Annotated[
    bool | None,
    typer.Option(
        "--strict-coverage/--lax-coverage",
        help="Stop if the draw is biased. [lax]",
        rich_help_panel=SWITCHES,
    ),
]
Gpus = Annotated[
    int | None,
    typer.Option(
        "--gpus",
        "-g",
        metavar="N",
        callback=within(0, 1024),
        help="Number of GPUs. [0]",
        rich_help_panel=RUN,
    ),
]
