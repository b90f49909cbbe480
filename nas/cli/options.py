"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from nas.cli import complete
from nas.cli.option_checks import within, writable
from nas.cli.output import Form
from nas.registry import EXECUTORS


def choices(*names: str) -> str:
    """`[a|b|c]`: the names that an option takes, those known as help is made. A name may stand for
    many, as `PATH` does, and `…` for more of them."""
    return f"[{'|'.join(names)}]"


DATA = "Space and data"
SAMPLER = "Sampler"
DRAW = "What is drawn"
TRAIN = "How candidates train"
RUN = "Where and how long"
OUTPUT = "Output"
SWITCHES = "Safeguards"
DRY = "Dry run"
SCHEDULERS = ("fifo", "asha")


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
    float | None,
    typer.Option(
        "--hold-out",
        metavar="X",
        min=0.01,
        max=0.9,
        help="Share of the training images kept from the experts, to fit gates on. [0.2; to screen,"
        " the bank's]",
        rich_help_panel=DATA,
    ),
]
BankSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        callback=within(0),
        help="Training seed; each makes a bank of its own. [0; to screen, the bank's]",
        rich_help_panel=TRAIN,
    ),
]
Scheduler = Annotated[
    str,
    typer.Option(
        metavar=choices(*SCHEDULERS),
        show_default=False,
        help="asha stops poor candidates early. [fifo]",
        autocompletion=complete.words(*SCHEDULERS),
        rich_help_panel=TRAIN,
    ),
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
    Form | None,
    typer.Option(
        "--format",
        "-f",
        metavar=choices(*get_args(Form)),
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
"""The argument that commands had before --campaign."""
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        callback=writable,
        help="Write to this file instead of the screen. Without --format, .json, .csv, .md, .tex"
        " and .txt name the format.",
        rich_help_panel=OUTPUT,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        "-b",
        metavar="TIME",
        help="Working time: 90s, 12h, 28d.",
        rich_help_panel=RUN,
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        "-n",
        metavar="N",
        callback=within(1, 10**9),
        help="Number of candidates.",
        rich_help_panel=RUN,
    ),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        "-e",
        metavar=choices(*EXECUTORS.names()),
        help="inline is for debugging. [local; ray with --gpus]",
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
        help="Parallel trials. [1/core, 8/GPU]",
        rich_help_panel=RUN,
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
