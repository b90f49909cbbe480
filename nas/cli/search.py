"""`nas search`, `nas resume`, `nas confirm`: what trains."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import (
    arguments,
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
from nas.cli.groups import grouped
from nas.cli.output import form_of
from nas.cli.search_options import (
    DataOptions,
    DrawOptions,
    DryRunOptions,
    OutputOptions,
    RunOptions,
    TrainOptions,
)
from nas.cli.working import working
from nas.schema import SearchConfig, Space


@grouped
def search(
    space: options.SpaceName = None,
    *,
    source: DataOptions,
    run: RunOptions,
    draw: DrawOptions,
    train: TrainOptions,
    output: OutputOptions,
    dry: DryRunOptions,
) -> None:
    """Draw, render, train and rank heterogeneous mixtures of experts.

    Example: `nas search --budget 28d --gpus 1`, `nas search moe4 --dataset cifar100`
    """
    from nas.hardware import check_gpus
    from nas.ledger import check_place
    from nas.render import check_space
    from nas.space import check_models, find, place_in

    form_of(output.form, output.as_json)  # refuses two of them at once
    typed, space = space, defaults.space_for(space, run.gpus)
    chosen = arguments.adjusted(
        space,
        train.settings,
        source.image_size,
        epochs=train.epochs,
        batch_size=train.batch_size,
        lr=train.lr,
    )
    chosen, config = _configured(chosen, source, run, draw, train, output)
    if not dry.dry_run:
        check_place(output.db)
        check_gpus(config.gpus)
        defaults.provide(config.dataset, source.data_root)  # at once: what follows imports timm
    with working("building each member of the space"):
        check_models(chosen, find(space))
        check_space(chosen, place_in(find(space)))
    if dry.dry_run:
        print_draws(
            chosen,
            config,
            output.name,
            output.db,
            config.trials or 10,
            dry.render,
            dry.audit,
            form_of(output.form, output.as_json),
        )
        return
    options.only_with("--dry-run", {"--render": dry.render, "--audit": dry.audit})
    if config.budget_seconds is None and config.trials is None:
        config = config.with_(budget_seconds=240.0)
    _begin(chosen, config, output, typed)


def _configured(
    space: Space,
    source: DataOptions,
    run: RunOptions,
    draw: DrawOptions,
    train: TrainOptions,
    output: OutputOptions,
) -> tuple[Space, SearchConfig]:
    """The space and the settings of the campaign that the options describe."""
    from nas import data

    wishes = {"prefer": draw.prefer, "drop": draw.drop}
    if draw.from_report is not None:
        wishes = arguments.advised(output.db, draw.from_report, wishes)
    config = arguments.config_of(
        SearchConfig,
        dataset=data.canonical(defaults.dataset_for(source.dataset, run.gpus)),
        split_seed=source.split_seed,
        sampler=draw.sampler,
        seed=draw.seed,
        scheduler=train.scheduler,
        budget_seconds=arguments.budget_of(run.budget),
        trials=run.trials,
        controls=draw.controls,
        executor=run.executor or "ray",
        workers=run.workers or arguments.default_workers(run.gpus or 0),
        gpus=run.gpus or 0,
        time_limit=arguments.time_limit_of(run.time_limit or "6h"),
        max_deaths=run.retries,
        bench_after=draw.bench_after or 6,
        keep_weights=output.keep_weights,
        data_root=str(source.data_root.absolute()),
        prefer=arguments.names_of(wishes["prefer"]),
        drop=arguments.names_of(wishes["drop"]),
        strict_coverage=bool(draw.strict_coverage),
        log=arguments.log_of(output.log),
    )
    if draw.from_screen is None and draw.by != "probe":
        raise typer.BadParameter("it goes with --from-screen", param_hint="--by")
    if draw.from_screen is not None:
        if draw.sampler != "stratified":
            raise typer.BadParameter("--from-screen brings its own", param_hint="--sampler")
        config = arguments.from_screen(space, config, draw.from_screen, draw.by, output.db)
    if train.experts != "scratch":
        space, config = arguments.warm(space, config, train.experts, output.db)
    return space, config


def _begin(space: Space, config: SearchConfig, output: OutputOptions, typed: str | None) -> None:
    """Makes the campaign and works on it; `typed`: the space as it was typed."""
    from nas.campaign.dataset import examine, experts_of, hold_experts_to
    from nas.campaign.run import check, prepare_campaign
    from nas.ledger import Ledger

    consent.ask_about_templates(space, config, typed=typed)
    check(space, config, output.name)
    if config.from_bank or config.screen is not None:
        there = Ledger(output.db)
        keys = experts_of(there, config)
        hold_experts_to(there, keys, note, data_root=config.data_root, write=False)
    with working("looking at the data"):
        manifest = examine(config, note)
    ledger = Ledger(output.db, read_only=False)
    campaign = prepare_campaign(ledger, space, config, output.name, manifest)
    ending.work(ledger, campaign, config, form=form_of(output.form, output.as_json))


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
        typer.Option(arguments.FROM_REPORT, help="Follow the advice of this campaign's report."),
    ] = False,
    strict_coverage: options.Strict = None,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Continue a campaign exactly as if it had not stopped.

    Options given here replace the campaign's own from now on; --budget and --trials are new totals.
    --prefer, --drop and --from-report start a new phase, whose draws the audit does not test.

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
    top: Annotated[int, typer.Option(min=1, max=10**6, help="Number of candidates.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="New seeds per candidate.")] = 3,
    campaign: options.Campaign = None,
    executor: options.ExecutorName = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    log: options.Log = None,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Retrain the best candidates with new seeds: the top of a leaderboard is biased upwards.

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
