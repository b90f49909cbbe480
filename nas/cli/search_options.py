"""What `nas search` takes, in groups."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nas.cli import arguments, complete, options
from nas.registry import SAMPLERS

_OF_SCREENS = ("corrected", "screen")
"""Samplers that --from-screen brings."""
_DRAWING = "|".join(name for name in SAMPLERS.names() if name not in _OF_SCREENS)


@dataclass(frozen=True)
class DataOptions:
    """Which images."""

    dataset: options.Dataset = None
    data_root: options.DataRoot = Path("data")
    split_seed: options.SplitSeed = 0
    image_size: options.ImageSize = None


@dataclass(frozen=True)
class RunOptions:
    """Where trials run, and for how long."""

    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            "-b",
            metavar="TIME",
            help="Working time: 90s, 12h, 28d. [4m]",
            rich_help_panel=options.RUN,
        ),
    ] = None
    trials: options.Trials = None
    executor: options.ExecutorName = None
    workers: options.Workers = None
    gpus: options.Gpus = None
    time_limit: options.TimeLimit = None
    retries: Annotated[
        int,
        typer.Option(
            metavar="N",
            show_default=False,
            callback=options.within(0),
            help="Retries after a worker dies. [3]",
            rich_help_panel=options.RUN,
        ),
    ] = 3


@dataclass(frozen=True)
class DrawOptions:
    """What is drawn."""

    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            "-s",
            metavar="NAME",
            show_default=False,
            help=f"{_DRAWING} [stratified]",
            autocompletion=complete.registered(SAMPLERS),
            rich_help_panel=options.SAMPLER,
        ),
    ] = "stratified"
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            show_default=False,
            callback=options.within(0),
            help="Seed of the draws. [0]",
            rich_help_panel=options.DRAW,
        ),
    ] = 0
    from_screen: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            callback=options.within(1, 10**8),
            help="Train the best K of a screen and K controls.",
            rich_help_panel=options.DRAW,
        ),
    ] = None
    by: Annotated[
        str,
        typer.Option(
            metavar="SCORE",
            show_default=False,
            autocompletion=complete.screen_scores,
            help="Rank by probe, uniform, gate, static, oracle, best_member, SCORE_loss or"
            " corrected. [probe]",
            rich_help_panel=options.DRAW,
        ),
    ] = "probe"
    controls: Annotated[
        bool,
        typer.Option(
            show_default=False,
            help="Also train each member alone. [controls]",
            rich_help_panel=options.SWITCHES,
        ),
    ] = True
    prefer: options.Prefer = None
    drop: options.Drop = None
    from_report: Annotated[
        str | None,
        typer.Option(
            arguments.FROM_REPORT,
            metavar="CAMPAIGN",
            help="Follow the advice of this campaign's report.",
            autocompletion=complete.campaigns,
            rich_help_panel=options.DRAW,
        ),
    ] = None
    bench_after: options.BenchAfter = None
    strict_coverage: options.Strict = None


@dataclass(frozen=True)
class TrainOptions:
    """How candidates train."""

    epochs: options.Epochs = None
    batch_size: options.BatchSize = None
    lr: options.Lr = None
    settings: options.Settings = None
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="fifo|asha",
            show_default=False,
            help="asha stops poor candidates early. [fifo]",
            autocompletion=complete.words("fifo", "asha"),
            rich_help_panel=options.TRAIN,
        ),
    ] = "fifo"
    experts: Annotated[
        str,
        typer.Option(
            metavar="scratch|bank|CAMPAIGN",
            show_default=False,
            help="Initial weights of the experts. [scratch]",
            autocompletion=complete.words("scratch", "bank"),
            rich_help_panel=options.TRAIN,
        ),
    ] = "scratch"


@dataclass(frozen=True)
class OutputOptions:
    """What is kept and printed, and where."""

    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The campaign's name.", rich_help_panel=options.OUTPUT),
    ] = None
    keep_weights: Annotated[
        str,
        typer.Option(
            metavar="best:N|all|none",
            show_default=False,
            help="Weights to keep. [best:20]",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "best:20"
    log: options.Log = None
    db: options.Db = "runs.db"
    form: options.Format = "table"
    as_json: options.Json = False


@dataclass(frozen=True)
class DryRunOptions:
    """What a dry run does."""

    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print what would be drawn; write no ledger.",
            rich_help_panel=options.DRY,
        ),
    ] = False
    render: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write each candidate's code to this folder.",
            rich_help_panel=options.DRY,
        ),
    ] = None
    audit: Annotated[
        bool,
        typer.Option(
            "--audit", help="Also test whether the draw is fair.", rich_help_panel=options.DRY
        ),
    ] = False
