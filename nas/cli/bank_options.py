"""Options of the commands that fill or use a bank, in groups."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import options
from nas.cli.option_checks import only_with
from nas.files import check_new_folder

LICENCE = "CC BY 4.0"


@dataclass(frozen=True)
class ExpertOptions:
    """How the experts of a bank are trained."""

    hold_out: options.HoldOut = None
    seed: options.BankSeed = None

    def settings(self) -> dict[str, Any]:
        """The settings of a bank or a screen, with defaults."""
        from nas.campaign.bank import HOLD_OUT

        hold_out = HOLD_OUT if self.hold_out is None else self.hold_out
        return {"hold_out": hold_out, "replicate": self.seed or 0}


@dataclass(frozen=True)
class BankOptions:
    """How a bank is filled, and how large it may be."""

    scheduler: options.Scheduler = "fifo"
    tuned: Annotated[
        bool,
        typer.Option(
            "--tuned",
            help="Also train each expert further, alone, at the fine-tuning rate: `nas screen"
            " --tuned` predicts finetuned candidates better.",
            rich_help_panel=options.TRAIN,
        ),
    ] = False
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="First verify the checksums of all files; damaged experts are trained again.",
            rich_help_panel=options.RUN,
        ),
    ] = False
    max_size: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            show_default=False,
            help="Largest size of the bank on disk, as in 500M. [20G]",
            rich_help_panel=options.RUN,
        ),
    ] = "20G"


@dataclass(frozen=True)
class PublishOptions:
    """The bank as a benchmark for others."""

    publish: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the bank as a tabular benchmark into this new or empty folder.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None
    licence: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help=f"With --publish: the benchmark's licence. [{LICENCE}]",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None

    def check(self) -> None:
        """Raises UsageError for a folder that may not be written to, and BadParameter for a licence
        without --publish."""
        from nas.ledger.output_paths import check_output

        if self.publish is None:
            only_with("--publish", {"--licence": self.licence})
        else:
            check_output(self.publish)
            check_new_folder(self.publish)
