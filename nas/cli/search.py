"""`nas search`, `nas resume`, `nas confirm`: what trains."""

from functools import partial
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
from nas.cli.console import echo
from nas.cli.dry_run import print_draws
from nas.registry import SAMPLERS
from nas.schema import SearchConfig


def search(
    space: options.SpaceName = None,
    dataset: options.Dataset = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            "-b",
            help="Working time: 90s, 30m, 12h, 28d. Downtime is free. [4m, without --trials]",
        ),
    ] = None,
    trials: options.Trials = None,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            "-s",
            help=f"{options.one_of(SAMPLERS)}; corrected and screen go with --from-screen.",
            autocompletion=complete.registered(SAMPLERS),
        ),
    ] = "stratified",
    seed: Annotated[int, typer.Option(min=0, help="Fixes what is drawn.")] = 0,
    name: Annotated[
        str | None,
        typer.Option(help="The campaign's name; with --dry-run, one whose sequence goes on."),
    ] = None,
    executor: options.ExecutorName = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    scheduler: Annotated[
        str,
        typer.Option(
            help="fifo, or asha: stop poor trials early.",
            autocompletion=complete.words("fifo", "asha"),
        ),
    ] = "fifo",
    controls: Annotated[
        bool, typer.Option(help="Train each member alone too, within the budget.")
    ] = True,
    experts: Annotated[
        str,
        typer.Option(
            help="scratch; bank: begin as experts of the latest `nas bank`; or a bank's campaign.",
            autocompletion=complete.words("scratch", "bank"),
        ),
    ] = "scratch",
    from_screen: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**8,
            help="Train so many of the latest screen's best, and as many that it did not choose.",
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            help="With --from-screen: the score that says which are best: probe, uniform, gate,"
            " static, oracle, best_member, or one of these with _loss; or corrected: a regression"
            " on what has been trained, fitted anew with every result.",
            autocompletion=complete.screen_scores,
        ),
    ] = "probe",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    time_limit: options.TimeLimit = None,
    retries: Annotated[
        int,
        typer.Option(
            min=0,
            help="How often a candidate is tried again, alone, after its worker died. A driver's"
            " death or a power cut does not count.",
        ),
    ] = 3,
    bench_after: options.BenchAfter = None,
    keep_weights: Annotated[str, typer.Option(help="best:N, all or none.")] = "best:20",
    log: options.Log = None,
    data_root: options.DataRoot = Path("data"),
    split_seed: options.SplitSeed = 0,
    prefer: options.Prefer = None,
    drop: options.Drop = None,
    from_report: Annotated[
        str | None,
        typer.Option(
            arguments.FROM_REPORT,
            help="Drop and prefer as this campaign's family_yield advises.",
            autocompletion=complete.campaigns,
        ),
    ] = None,
    strict_coverage: options.Strict = None,
    db: options.Db = "runs.db",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be drawn; write to no ledger.")
    ] = False,
    render: Annotated[
        Path | None, typer.Option(help="With --dry-run: write each candidate's file here.")
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="With --dry-run: end with whether the draw is fair.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Draw, render, train and rank heterogeneous mixtures of experts.

    Example: `nas search --budget 28d --gpus 1`, `nas search moe4 --dataset cifar100`
    """
    from nas import data
    from nas.hardware import check_gpus
    from nas.ledger import check_place
    from nas.render import check_space
    from nas.space import check_models, find, load, place_in

    typed, space = space, defaults.space_for(space, gpus)
    chosen = arguments.with_recipe(load(space), epochs=epochs, batch_size=batch_size)
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
    check_models(chosen, find(space))
    check_space(chosen, place_in(find(space)))
    if dry_run:
        print_draws(chosen, config, name, db, config.trials or 10, render, audit, as_json)
        return
    options.only_with("--dry-run", {"--render": render, "--audit": audit, "--json": as_json})
    if config.budget_seconds is None and config.trials is None:
        config = config.with_(budget_seconds=240.0)
    from nas.campaign.dataset import examine, experts_of, hold_experts_to
    from nas.campaign.run import check, prepare_campaign
    from nas.ledger import Ledger

    consent.ask_about_templates(chosen, config, typed=typed)
    check(chosen, config, name)
    say = partial(echo, err=True)
    if config.from_bank or config.screen is not None:
        there = Ledger(db)
        keys = experts_of(there, config)
        hold_experts_to(there, keys, say, data_root=config.data_root, write=False)
    manifest = examine(config, say)
    ledger = Ledger(db, read_only=False)
    campaign = prepare_campaign(ledger, chosen, config, name, manifest)
    ending.work(ledger, campaign, config)


def resume(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A campaign; the latest search if left out.",
            autocompletion=complete.campaigns,
        ),
    ] = None,
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
    db: options.Db = "runs.db",
) -> None:
    """Go on with a campaign, exactly as if it had not stopped.

    Options given here replace the campaign's own from now on; --budget is the new total.

    Example: `nas resume --budget 8m`
    """
    from nas.campaign.dataset import check_folder
    from nas.campaign.run import check, check_budget
    from nas.ledger import Ledger

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
    row = ledger.campaign(name)
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
    ending.work(ledger, row.name, config)


def confirm(
    top: Annotated[int, typer.Option(min=1, max=10**6, help="How many leaders.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="New seeds for each.")] = 3,
    campaign: options.Campaign = None,
    executor: options.ExecutorName = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    log: options.Log = None,
    db: options.Db = "runs.db",
) -> None:
    """Retrain the leaders with new seeds: the maximum of a leaderboard is biased.

    Example: `nas confirm --top 5 --seeds 3`
    """
    from nas.ledger import Ledger

    ledger = Ledger(db, read_only=False, create=False)
    row = ledger.campaign(campaign)
    changes = {"executor": executor, "workers": workers, "gpus": gpus}
    given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
    if log:
        given["log"] = arguments.log_of(log)
    config = arguments.config_in(row, **given)
    consent.ask_about_templates(row.space, config, campaign=row.name)
    ending.work(ledger, row.name, config, confirm=(top, seeds))


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(search)
    app.command()(resume)
    app.command()(confirm)
