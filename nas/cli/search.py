"""`nas search`, `nas resume`, `nas confirm`: what trains."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import (
    arguments,
    complete,
    consent,
    defaults,
    options,
)
from nas.cli import (
    run_and_print as ending,
)
from nas.cli.chosen import campaign_named
from nas.cli.console import note
from nas.cli.dry_run import print_draws
from nas.cli.output import form_of
from nas.cli.working import working
from nas.registry import SAMPLERS
from nas.schema import SearchConfig

_OF_SCREENS = ("corrected", "screen")
"""Samplers that --from-screen brings."""
_DRAWING = "|".join(name for name in SAMPLERS.names() if name not in _OF_SCREENS)


def search(
    space: options.SpaceName = None,
    dataset: options.Dataset = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            "-b",
            metavar="TIME",
            help="Working time: 90s, 12h, 28d. [4m]",
            rich_help_panel=options.RUN,
        ),
    ] = None,
    trials: options.Trials = None,
    executor: options.ExecutorName = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    time_limit: options.TimeLimit = None,
    retries: Annotated[
        int,
        typer.Option(
            metavar="N",
            show_default=False,
            callback=options.within(0),
            help="Tries after its worker's death. [3]",
            rich_help_panel=options.RUN,
        ),
    ] = 3,
    data_root: options.DataRoot = Path("data"),
    split_seed: options.SplitSeed = 0,
    image_size: options.ImageSize = None,
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
    ] = "stratified",
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            show_default=False,
            callback=options.within(0),
            help="Fixes what is drawn. [0]",
            rich_help_panel=options.DRAW,
        ),
    ] = 0,
    from_screen: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            callback=options.within(1, 10**8),
            help="Train a screen's best K, and K controls.",
            rich_help_panel=options.DRAW,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="SCORE",
            show_default=False,
            autocompletion=complete.screen_scores,
            help="Best by probe, uniform, gate, static, oracle, best_member, a _loss, or corrected."
            " [probe]",
            rich_help_panel=options.DRAW,
        ),
    ] = "probe",
    controls: Annotated[
        bool,
        typer.Option(
            show_default=False,
            help="Train each member alone too. [controls]",
            rich_help_panel=options.SWITCHES,
        ),
    ] = True,
    prefer: options.Prefer = None,
    drop: options.Drop = None,
    from_report: Annotated[
        str | None,
        typer.Option(
            arguments.FROM_REPORT,
            metavar="CAMPAIGN",
            help="Drop and prefer as its family_yield advises.",
            autocompletion=complete.campaigns,
            rich_help_panel=options.DRAW,
        ),
    ] = None,
    bench_after: options.BenchAfter = None,
    strict_coverage: options.Strict = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    lr: options.Lr = None,
    settings: options.Settings = None,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="fifo|asha",
            show_default=False,
            help="asha stops poor candidates early. [fifo]",
            autocompletion=complete.words("fifo", "asha"),
            rich_help_panel=options.TRAIN,
        ),
    ] = "fifo",
    experts: Annotated[
        str,
        typer.Option(
            metavar="scratch|bank|CAMPAIGN",
            show_default=False,
            help="What experts begin as. [scratch]",
            autocompletion=complete.words("scratch", "bank"),
            rich_help_panel=options.TRAIN,
        ),
    ] = "scratch",
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The campaign's name.", rich_help_panel=options.OUTPUT),
    ] = None,
    keep_weights: Annotated[
        str,
        typer.Option(
            metavar="best:N|all|none",
            show_default=False,
            help="Weights to keep. [best:20]",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "best:20",
    log: options.Log = None,
    db: options.Db = "runs.db",
    form: options.Format = "table",
    as_json: options.Json = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print what would be drawn; write to no ledger.",
            rich_help_panel=options.DRY,
        ),
    ] = False,
    render: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write each candidate's file here.", rich_help_panel=options.DRY
        ),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit", help="End with whether the draw is fair.", rich_help_panel=options.DRY
        ),
    ] = False,
) -> None:
    """Draw, render, train and rank heterogeneous mixtures of experts.

    Example: `nas search --budget 28d --gpus 1`, `nas search moe4 --dataset cifar100`
    """
    from nas import data
    from nas.hardware import check_gpus
    from nas.ledger import check_place
    from nas.render import check_space
    from nas.space import check_models, find, place_in

    chosen_form = form_of(form, as_json)
    typed, space = space, defaults.space_for(space, gpus)
    chosen = arguments.adjusted(
        space, settings, image_size, epochs=epochs, batch_size=batch_size, lr=lr
    )
    wishes = {"prefer": prefer, "drop": drop}
    if from_report is not None:
        wishes = arguments.advised(db, from_report, wishes)
    config = arguments.config_of(
        SearchConfig,
        dataset=data.canonical(defaults.dataset_for(dataset, gpus)),
        split_seed=split_seed,
        sampler=sampler,
        seed=seed,
        scheduler=scheduler,
        budget_seconds=arguments.budget_of(budget),
        trials=trials,
        controls=controls,
        executor=executor or "ray",
        workers=workers or arguments.default_workers(gpus or 0),
        gpus=gpus or 0,
        time_limit=arguments.time_limit_of(time_limit or "6h"),
        max_deaths=retries,
        bench_after=bench_after or 6,
        keep_weights=keep_weights,
        data_root=str(data_root.absolute()),
        prefer=arguments.names_of(wishes["prefer"]),
        drop=arguments.names_of(wishes["drop"]),
        strict_coverage=bool(strict_coverage),
        log=arguments.log_of(log),
    )
    if from_screen is None and by != "probe":
        raise typer.BadParameter("it goes with --from-screen", param_hint="--by")
    if from_screen is not None:
        if sampler != "stratified":
            raise typer.BadParameter("--from-screen brings its own", param_hint="--sampler")
        config = arguments.from_screen(chosen, config, from_screen, by, db)
    if experts != "scratch":
        chosen, config = arguments.warm(chosen, config, experts, db)
    if not dry_run:
        check_place(db)
        check_gpus(config.gpus)
        defaults.provide(config.dataset, data_root)  # at once: what follows imports timm
    with working("building each member of the space"):
        check_models(chosen, find(space))
        check_space(chosen, place_in(find(space)))
    if dry_run:
        print_draws(chosen, config, name, db, config.trials or 10, render, audit, chosen_form)
        return
    options.only_with("--dry-run", {"--render": render, "--audit": audit})
    if config.budget_seconds is None and config.trials is None:
        config = config.with_(budget_seconds=240.0)
    from nas.campaign.dataset import examine, experts_of, hold_experts_to
    from nas.campaign.run import check, prepare_campaign
    from nas.ledger import Ledger

    consent.ask_about_templates(chosen, config, typed=typed)
    check(chosen, config, name)
    if config.from_bank or config.screen is not None:
        there = Ledger(db)
        keys = experts_of(there, config)
        hold_experts_to(there, keys, note, data_root=config.data_root, write=False)
    with working("looking at the data"):
        manifest = examine(config, note)
    ledger = Ledger(db, read_only=False)
    campaign = prepare_campaign(ledger, chosen, config, name, manifest)
    ending.work(ledger, campaign, config, form=chosen_form)


def resume(
    name: options.CampaignArgument = None,
    campaign: options.Campaign = None,
    budget: options.Budget = None,
    trials: options.Trials = None,
    executor: options.ExecutorName = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    time_limit: options.TimeLimit = None,
    bench_after: options.BenchAfter = None,
    log: options.Log = None,
    prefer: options.Prefer = None,
    drop: options.Drop = None,
    from_report: Annotated[
        bool,
        typer.Option(
            arguments.FROM_REPORT, help="Drop and prefer as its own family_yield advises."
        ),
    ] = False,
    strict_coverage: options.Strict = None,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Go on with a campaign, exactly as if it had not stopped.

    Options given here replace the campaign's own from now on; --budget is the new total.

    Example: `nas resume --budget 8m`
    """
    from nas.campaign.dataset import check_folder
    from nas.campaign.run import check, check_budget
    from nas.ledger import Ledger

    chosen_form = form_of(form, as_json)
    changes = {
        "budget_seconds": arguments.budget_of(budget),
        "trials": trials,
        "executor": executor,
        "workers": workers,
        "gpus": gpus,
        "bench_after": bench_after,
        "strict_coverage": strict_coverage,
    }
    given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
    if time_limit:
        given["time_limit"] = arguments.time_limit_of(time_limit)
    if log:
        given["log"] = arguments.log_of(log)
    ledger = Ledger(db, read_only=False, create=False)
    row = ledger.campaign(campaign_named(ledger, options.one_campaign(name, campaign)))
    wishes = {"prefer": prefer, "drop": drop}
    if from_report:
        wishes = arguments.advised(db, row.name, wishes)
    given |= {option: arguments.names_of(w) for option, w in wishes.items() if w is not None}
    config = arguments.config_in(row, **given)
    check_folder(row.name, config)
    defaults.provide(config.dataset, Path(config.data_root))
    space = row.space
    consent.ask_about_templates(space, config, campaign=row.name)
    check(space, config)
    check_budget(ledger, row.name, row.worked_seconds, config)
    ledger.update_config(row.id, config)
    ending.work(ledger, row.name, config, form=chosen_form)


def confirm(
    top: Annotated[int, typer.Option(min=1, max=10**6, help="How many leaders.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="New seeds for each.")] = 3,
    campaign: options.Campaign = None,
    executor: options.ExecutorName = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    log: options.Log = None,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Retrain the leaders with new seeds: the maximum of a leaderboard is biased.

    Example: `nas confirm --top 5 --seeds 3`
    """
    from nas.ledger import Ledger

    chosen_form = form_of(form, as_json)
    ledger = Ledger(db, read_only=False, create=False)
    row = ledger.campaign(campaign_named(ledger, campaign))
    changes = {"executor": executor, "workers": workers, "gpus": gpus}
    given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
    if log:
        given["log"] = arguments.log_of(log)
    config = arguments.config_in(row, **given)
    consent.ask_about_templates(row.space, config, campaign=row.name)
    ending.work(ledger, row.name, config, confirm=(top, seeds), form=chosen_form)


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(search)
    app.command()(resume)
    app.command()(confirm)
