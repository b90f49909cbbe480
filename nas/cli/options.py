"""Options that several commands share."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from nas.cli import complete
from nas.ledger.output_paths import check_output
from nas.registry import EXECUTORS, TRACKERS, Registry


def finite(value: float | None) -> float | None:
    """Of an option: refuses `nan` and `inf`, which are numbers to the parser."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def writable(path: Path | None) -> Path | None:
    """Of an option: refuses what may not be written over before anything is worked out for it."""
    if path is not None:
        check_output(path)
    return path


def only_with(option: str, others: Mapping[str, object]) -> None:
    """Refuses others, by name, that say nothing where an option was not given."""
    for other, given in others.items():
        if given not in (None, False):
            raise typer.BadParameter(f"{other} goes with {option}")


def one_of(registry: Registry) -> str:
    """`a, b or c`: the names that an option takes."""
    *others, last = registry.names()
    return f"{', '.join(others)} or {last}" if others else last


SpaceName = Annotated[
    str | None,
    typer.Argument(
        help="A space's name or a YAML file. [tiny; moe4 with --gpus]",
        autocompletion=complete.spaces,
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        "-d",
        help="See `nas data`; folder:PATH for your own. [digits; cifar10 with --gpus]",
        autocompletion=complete.datasets,
    ),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Instead of the space's own.")]
BatchSize = Annotated[int | None, typer.Option(min=2, help="Instead of the space's own.")]
DataRoot = Annotated[Path, typer.Option(help="Where data sets lie.")]
SplitSeed = Annotated[int, typer.Option(min=0, help="Fixes train, validation and test.")]
HoldOut = Annotated[
    float,
    typer.Option(
        min=0.01,
        max=0.9,
        help="Share of the training images that experts never see, to fit gates on.",
    ),
]
BankSeed = Annotated[
    int, typer.Option(min=0, help="Number of the training seed: another is another bank.")
]
Db = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="NAS_DB",
        help="The ledger: a path, or the SQLAlchemy URL of a PostgreSQL database.",
        show_default=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign",
        "-c",
        help="A campaign's name; the latest search's if left out.",
        autocompletion=complete.campaigns,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", callback=writable, help="Write here instead of to the screen."),
]
Budget = Annotated[
    str | None,
    typer.Option("--budget", "-b", help="Working time: 90s, 30m, 12h, 28d. Downtime is free."),
]
Trials = Annotated[
    int | None, typer.Option("--trials", "-n", min=1, help="Stop after this many candidates.")
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        "-e",
        help=f"{one_of(EXECUTORS)}; local needs no Ray, inline is for debugging. [ray]",
        autocompletion=complete.registered(EXECUTORS),
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        min=1,
        help="Trials at once; by default one a CPU core, or eight a GPU, if there are the cores.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option("--time-limit", help="Longest time for one attempt; `none` for no limit. [6h]"),
]
BenchAfter = Annotated[
    int | None,
    typer.Option(min=1, help="Failures in a row after which a family is not drawn. [6]"),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        help=f"Log to {one_of(TRACKERS)} too; `none` ends it.",
        autocompletion=complete.registered(TRACKERS, "none"),
    ),
]
Prefer = Annotated[
    str | None,
    typer.Option(help="Families to draw twice as often, as in a,b; a new phase. `none` ends it."),
]
Drop = Annotated[
    str | None,
    typer.Option(help="Families not to draw, as in a,b; a new phase. `none` ends it."),
]
Strict = Annotated[
    bool | None,
    typer.Option("--strict-coverage/--lax-coverage", help="Stop when the draw is biased. [lax]"),
]
Gpus = Annotated[int | None, typer.Option("--gpus", "-g", min=0, max=1024, help="GPUs to use.")]
