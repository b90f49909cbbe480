"""What `nas search` alone takes, in groups."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import arguments, complete, options
from nas.cli.option_checks import within
from nas.registry import SAMPLERS
from nas.schema.scores import CORRECTED, PREDICTORS

_OF_SCREENS = ("corrected", "screen")
"""Samplers that only --from-screen uses."""
_SCORES = " | ".join(name for name in (*PREDICTORS, CORRECTED) if not name.endswith("_loss"))
_DRAWING = [name for name in SAMPLERS.names() if name not in _OF_SCREENS]


@dataclass(frozen=True)
class DrawOptions:
    """What is drawn."""

    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            "-s",
            metavar=options.choices(*_DRAWING),
            show_default=False,
            help="[stratified]",
            autocompletion=complete.words(*_DRAWING),
            rich_help_panel=options.SAMPLER,
        ),
    ] = "stratified"
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            show_default=False,
            callback=within(0),
            help="Seed of the draws. [0]",
            rich_help_panel=options.DRAW,
        ),
    ] = 0
    from_screen: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            callback=within(1, 10**8),
            help="Train the best K of a screen and K controls.",
            rich_help_panel=options.DRAW,
        ),
    ] = None
    by: Annotated[
        str,
        typer.Option(
            metavar="SCORE",
            show_default=False,
            autocompletion=complete.words(*PREDICTORS, CORRECTED),
            help=f"Rank by {_SCORES} | SCORE_loss. [probe]",
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

    def settings(self) -> dict[str, Any]:
        """The campaign settings of these options; --from-screen changes the sampler."""
        return {"sampler": self.sampler, "seed": self.seed, "controls": self.controls}


@dataclass(frozen=True)
class TrainOptions:
    """How candidates train."""

    scheduler: options.Scheduler = "fifo"
    experts: Annotated[
        str,
        typer.Option(
            metavar=options.choices("scratch", "bank", "CAMPAIGN"),
            show_default=False,
            help="Initial weights of the experts. [scratch]",
            autocompletion=complete.words("scratch", "bank"),
            rich_help_panel=options.TRAIN,
        ),
    ] = "scratch"
    retries: Annotated[
        int,
        typer.Option(
            metavar="N",
            show_default=False,
            callback=within(0),
            help="Retries after a worker dies. [3]",
            rich_help_panel=options.RUN,
        ),
    ] = 3

    def settings(self) -> dict[str, Any]:
        """The campaign settings of these options, except the experts' initial weights."""
        return {"scheduler": self.scheduler, "max_deaths": self.retries}


@dataclass(frozen=True)
class KeepOptions:
    """A campaign's name, and the weights that it keeps."""

    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The campaign's name.", rich_help_panel=options.OUTPUT),
    ] = None
    keep_weights: Annotated[
        str,
        typer.Option(
            metavar=options.choices("best:N", "all", "none"),
            show_default=False,
            help="Weights to keep. [best:20]",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "best:20"

    def settings(self) -> dict[str, Any]:
        """The campaign settings of these options, except the name."""
        return {"keep_weights": self.keep_weights}


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
