"""`nas search`, `nas resume`, `nas confirm`: what trains."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from nas.cli import complete, ending, options
from nas.spec import ProblemError, Space, parse_duration

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
        help="ray, local (no Ray needed) or inline (for debugging). [ray]",
        autocompletion=complete.words("ray", "local", "inline"),
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", "-w", min=1, help="Trials at once; by default one a CPU core, or four a GPU."
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
        help="Log to tensorboard or mlflow too; `none` ends it.",
        autocompletion=complete.words("tensorboard", "mlflow", "none"),
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
FROM_REPORT = "--from-report"
Strict = Annotated[
    bool | None,
    typer.Option("--strict-coverage/--lax-coverage", help="Stop when the draw is biased. [lax]"),
]
Gpus = Annotated[int | None, typer.Option("--gpus", "-g", min=0, help="GPUs to use.")]


def search(
    space: Annotated[
        str,
        typer.Argument(help="A space's name or a YAML file.", autocompletion=complete.spaces),
    ] = "tiny",
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            "-d",
            help="See `nas data`; folder:PATH for your own.",
            autocompletion=complete.datasets,
        ),
    ] = "digits",
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            "-b",
            help="Working time: 90s, 30m, 12h, 28d. Downtime is free. [4m, without --trials]",
        ),
    ] = None,
    trials: Trials = None,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            "-s",
            help="stratified, uniform, lexicographic or tpe.",
            autocompletion=complete.words("stratified", "uniform", "lexicographic", "tpe"),
        ),
    ] = "stratified",
    seed: Annotated[int, typer.Option(min=0, help="Fixes what is drawn.")] = 0,
    name: Annotated[
        str | None,
        typer.Option(help="The campaign's name; with --dry-run, one whose sequence goes on."),
    ] = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    gpus: Gpus = None,
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
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the space's own.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Instead of the space's own.")
    ] = None,
    time_limit: TimeLimit = None,
    retries: Annotated[
        int,
        typer.Option(min=0, help="How often a candidate is tried again after its process died."),
    ] = 3,
    bench_after: BenchAfter = None,
    keep_weights: Annotated[str, typer.Option(help="best:N, all or none.")] = "best:20",
    log: Log = None,
    data_root: Annotated[Path, typer.Option(help="Where data sets lie.")] = Path("data"),
    split_seed: Annotated[int, typer.Option(min=0, help="Fixes train, validation and test.")] = 0,
    prefer: Prefer = None,
    drop: Drop = None,
    from_report: Annotated[
        str | None,
        typer.Option(
            FROM_REPORT,
            help="Drop and prefer as this campaign's family_yield advises.",
            autocompletion=complete.campaigns,
        ),
    ] = None,
    strict_coverage: Strict = None,
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

    Example: `nas search moe4 --dataset cifar10 --budget 28d --gpus 1`
    """
    from nas import data
    from nas.space import check_models, find, load

    chosen = _with_recipe(load(space), epochs=epochs, batch_size=batch_size)
    wishes = {"prefer": prefer, "drop": drop}
    if from_report is not None:
        wishes = _advised(db, from_report, wishes)
    config = _config(
        dataset=data.canonical(dataset),
        split_seed=split_seed,
        sampler=sampler,
        seed=seed,
        scheduler=scheduler,
        budget_seconds=_budget(budget),
        trials=trials,
        controls=controls,
        executor=executor or "ray",
        workers=workers or _default_workers(gpus or 0),
        gpus=gpus or 0,
        time_limit=_seconds(time_limit or "6h"),
        max_deaths=retries,
        bench_after=bench_after or 6,
        keep_weights=keep_weights,
        data_root=str(data_root.absolute()),
        prefer=_names(wishes["prefer"]),
        drop=_names(wishes["drop"]),
        strict_coverage=bool(strict_coverage),
        log=_log(log),
    )
    if not dry_run:
        data.check(config.dataset, data_root)  # at once: what follows imports timm
    check_models(chosen, find(space))
    if dry_run:
        _print_draws(chosen, config, name, db, trials or 10, render, audit, as_json)
        return
    for option, given in (("--render", render), ("--audit", audit), ("--json", as_json)):
        if given:
            raise typer.BadParameter(f"{option} goes with --dry-run")
    if budget is None and trials is None:
        config = config.model_copy(update={"budget_seconds": 240.0})
    from nas.campaign.run import prepare_campaign
    from nas.ledger import Ledger

    ledger = Ledger(db, read_only=False)
    campaign = prepare_campaign(ledger, chosen, config, name)
    ending.work(ledger, campaign, config)


def resume(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A campaign; the latest if left out.", autocompletion=complete.campaigns
        ),
    ] = None,
    budget: Budget = None,
    trials: Trials = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    gpus: Gpus = None,
    time_limit: TimeLimit = None,
    bench_after: BenchAfter = None,
    log: Log = None,
    prefer: Prefer = None,
    drop: Drop = None,
    from_report: Annotated[
        bool, typer.Option(FROM_REPORT, help="Drop and prefer as its own family_yield advises.")
    ] = False,
    strict_coverage: Strict = None,
    db: options.Db = "runs.db",
) -> None:
    """Go on with a campaign, exactly as if it had not stopped.

    Options given here replace the campaign's own from now on; --budget is the new total.

    Example: `nas resume --budget 8m`
    """
    from nas.campaign.run import check, check_budget
    from nas.ledger import Ledger

    ledger = Ledger(db, read_only=False)
    row = ledger.campaign(name)
    wishes = {"prefer": prefer, "drop": drop}
    if from_report:
        wishes = _advised(db, row.name, wishes)
    changes = {
        "budget_seconds": _budget(budget),
        "trials": trials,
        "executor": executor,
        "workers": workers,
        "gpus": gpus,
        "bench_after": bench_after,
        **{option: None if w is None else _names(w) for option, w in wishes.items()},
        "strict_coverage": strict_coverage,
    }
    given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
    if time_limit:
        given["time_limit"] = _seconds(time_limit)
    if log:
        given["log"] = _log(log)
    config = _config(**row.config | given)
    check(Space.model_validate(row.space), config)
    check_budget(row.name, row.worked_seconds, config)
    ledger.update_config(row.id, config.model_dump(mode="json"))
    ending.work(ledger, row.name, config)


def confirm(
    top: Annotated[int, typer.Option(min=1, help="How many leaders.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="New seeds for each.")] = 3,
    campaign: options.Campaign = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    gpus: Gpus = None,
    log: Log = None,
    db: options.Db = "runs.db",
) -> None:
    """Retrain the leaders with new seeds: the maximum of a leaderboard is biased.

    Example: `nas confirm --top 5 --seeds 3`
    """
    from nas.ledger import Ledger

    ledger = Ledger(db, read_only=False)
    row = ledger.campaign(campaign)
    changes = {"executor": executor, "workers": workers, "gpus": gpus}
    given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
    if log:
        given["log"] = _log(log)
    config = _config(**row.config | given)
    ending.work(ledger, row.name, config, confirm=(top, seeds))


def _config(**values: Any) -> Any:
    from nas.campaign import CampaignConfig
    from nas.execute import EXECUTORS
    from nas.sample import SAMPLERS
    from nas.spec import did_you_mean

    for option, known in (("sampler", SAMPLERS), ("executor", EXECUTORS)):
        if values[option] not in known:
            raise ProblemError(
                f"no {option} is called {values[option]!r}",
                fix=did_you_mean(values[option], known),
            )
    try:
        return CampaignConfig(**values)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        said = first["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(said, param_hint=f"--{option}") from None


def _seconds(time_limit: str) -> float | None:
    return None if time_limit == "none" else parse_duration(time_limit, "--time-limit")


def _log(name: str | None) -> str | None:
    return None if name == "none" else name


def _advised(db: str, campaign: str, wishes: dict[str, str | None]) -> dict[str, str | None]:
    """The wishes that a campaign's report recommends, said aloud."""
    from nas.analyse import recommended
    from nas.ledger import Ledger

    if any(wish is not None for wish in wishes.values()):
        raise typer.BadParameter(f"{FROM_REPORT} takes the place of --prefer and --drop")
    plan = recommended(Ledger(db), campaign)
    typer.echo(f"As the report of {campaign} advises: {plan.said()}.", err=True)
    return {"prefer": ",".join(plan.prefer) or "none", "drop": ",".join(plan.drop) or "none"}


def _names(families: str | None) -> tuple[str, ...]:
    """The families of `a,b`; none for `none`."""
    if families is None or families.strip() == "none":
        return ()
    return tuple(sorted({name.strip() for name in families.split(",") if name.strip()}))


def _budget(text: str | None) -> float | None:
    return parse_duration(text, "--budget") if text else None


def _with_recipe(space: Space, **changes: int | None) -> Space:
    given = {name: value for name, value in changes.items() if value is not None}
    return space.model_copy(update={"recipe": space.recipe.model_copy(update=given)})


def _default_workers(gpus: int) -> int:
    if gpus:
        return 4 * gpus  # the smallest share of a GPU is a quarter
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _print_draws(
    space: Space,
    config: Any,
    name: str | None,
    db: str,
    trials: int,
    folder: Path | None,
    audit: bool,
    as_json: bool,
) -> None:
    from nas.campaign.dry_run import DryRun
    from nas.campaign.dry_run import as_json as plain
    from nas.cli.console import open_if_there
    from nas.ledger import Ledger

    ledger = open_if_there(db)
    if name is not None:
        # A campaign's sequence is its own space's, sampler's and seed's.
        ledger = ledger or Ledger(db)
        row = ledger.campaign(name)
        space, config = Space.model_validate(row.space), _config(**row.config)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    draws = DryRun(space, config, trials, ledger=ledger, after=name)
    for drawn in draws:
        data = plain(drawn)
        if folder:
            (folder / f"{data['key']}.py").write_text(drawn.code)
        if as_json:
            typer.echo(json.dumps(data))
        else:
            gate = " ".join(f"{k}={v}" for k, v in data["gate"].items())
            members = " + ".join(data["members"])
            typer.echo(f"{data['key']}  {data['params'] / 1e6:7.2f} M  {gate}  {members}")
    if audit:
        found = draws.verdict
        line = {"verdict": found.verdict, "flagged_at": found.flagged_at, "why": found.why}
        typer.echo(json.dumps(line) if as_json else found.line)


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command()(search)
    app.command()(resume)
    app.command()(confirm)
