"""`nas resume`, `nas confirm`: continue a campaign, and retrain its best candidates."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import arguments, consent, defaults, options
from nas.cli.chosen import campaign_named
from nas.cli.groups import grouped
from nas.cli.option_checks import one_campaign
from nas.cli.option_groups import LengthOptions, MachineOptions, OutputOptions, PhaseOptions
from nas.cli.run_and_print import work


@grouped
def resume(
    name: options.CampaignArgument = None,
    campaign: options.Campaign = None,
    *,
    length: LengthOptions,
    machine: MachineOptions,
    phase: PhaseOptions,
    from_report: Annotated[
        bool,
        typer.Option(
            arguments.FROM_REPORT,
            help="Follow the advice of this campaign's report.",
            rich_help_panel=options.DRAW,
        ),
    ] = False,
    output: OutputOptions,
) -> None:
    """Continue a campaign exactly as if it had not stopped.

    Options given here replace the campaign's own from now on; --budget and --trials are new totals.
    --prefer, --drop and --from-report start a new phase, whose draws the audit does not test.

    Example: `nas resume --budget 8m`
    """
    from nas.campaign.dataset import check_folder
    from nas.campaign.run import check, check_budget
    from nas.ledger import Ledger

    form = output.chosen
    given = length.given() | machine.given() | phase.given() | output.given()
    ledger = Ledger(output.db, read_only=False, create=False)
    row = ledger.campaign(campaign_named(ledger, one_campaign(name, campaign)))
    wishes = phase.wishes
    if from_report:
        wishes = arguments.advised(output.db, row.name, wishes)
    given |= {option: arguments.names_of(w) for option, w in wishes.items() if w is not None}
    config = arguments.config_in(row, **given)
    check_folder(row.name, config)
    defaults.provide(config.dataset, Path(config.data_root))
    space = row.space
    consent.ask_about_templates(space, config, campaign=row.name)
    check(space, config)
    check_budget(ledger, row.name, row.worked_seconds, config)
    ledger.update_config(row.id, config)
    work(ledger, row.name, config, form=form)


@grouped
def confirm(
    top: Annotated[int, typer.Option(min=1, max=10**6, help="Number of candidates.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="New seeds per candidate.")] = 3,
    campaign: options.Campaign = None,
    keep_weights: Annotated[
        str,
        typer.Option(
            metavar=options.choices("best:N", "all", "none"),
            show_default=False,
            help="Weights to keep, of what this trains too. [all]",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "all",
    *,
    machine: MachineOptions,
    output: OutputOptions,
) -> None:
    """Retrain the best candidates with new seeds: the top of a leaderboard is biased upwards.

    Example: `nas confirm --top 5 --seeds 3`
    """
    from nas.ledger import Ledger

    form = output.chosen
    given = machine.given() | output.given() | {"keep_weights": keep_weights}
    ledger = Ledger(output.db, read_only=False, create=False)
    row = ledger.campaign(campaign_named(ledger, campaign))
    config = arguments.config_in(row, **given)
    consent.ask_about_templates(row.space, config, campaign=row.name)
    work(ledger, row.name, config, confirm=(top, seeds), form=form)


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(resume)
    app.command()(confirm)
