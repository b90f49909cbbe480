"""`nas screen`: score mixtures of the bank's experts without training any."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from nas.cli import arguments, consent, defaults, options
from nas.cli.console import console, echo, echo_json
from nas.report.terminal import Terminal
from nas.schema import SCRATCH, ScreenConfig
from nas.schema.size import parse_size


def screen(
    space: options.SpaceName = None,
    dataset: options.Dataset = None,
    top: Annotated[
        int,
        typer.Option(
            min=1, max=10**8, help="Fit probes, weights and gates of so many of the best averages."
        ),
    ] = 1000,
    limit: Annotated[
        int,
        typer.Option(
            min=1, max=10**8, help="Score so many mixtures at most, drawn uniformly beyond it."
        ),
    ] = 200_000,
    max_params: Annotated[
        str | None, typer.Option(help="The largest mixture, as in 20M: parameters of its experts.")
    ] = None,
    max_latency: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=options.finite,
            help="The slowest mixture, in ms an image, experts added up.",
        ),
    ] = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    hold_out: options.HoldOut = 0.2,
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Score the tuned experts of `nas bank --tuned`.")
    ] = False,
    gpus: options.Gpus = None,
    seed: options.BankSeed = 0,
    split_seed: options.SplitSeed = 0,
    db: options.Db = "runs.db",
    as_json: options.Json = False,
) -> None:
    """Score every mixture of a space from what the bank's experts said; train none.

    Options that decide which experts are meant are those of `nas bank`.

    Example: `nas screen moe4 --dataset cifar10`
    """
    from nas import data
    from nas.campaign.screen import screen_space
    from nas.compute import use_threads
    from nas.hardware import check_gpus
    from nas.ledger import Ledger
    from nas.report import render
    from nas.results import question, table
    from nas.space import load

    space, dataset = defaults.space_for(space, gpus), defaults.dataset_for(dataset, gpus)
    data.check_name(dataset)
    use_threads(arguments.default_workers(0))
    chosen = arguments.with_recipe(load(space), epochs=epochs, batch_size=batch_size)
    largest = None if max_params is None else parse_size(max_params, "--max-params")
    config = arguments.config_of(
        ScreenConfig,
        dataset=data.canonical(dataset),
        split_seed=split_seed,
        hold_out=hold_out,
        replicate=seed,
        experts="bank" if tuned else SCRATCH,
        top=top,
        limit=limit,
        max_params=largest,
        max_latency=None if max_latency is None else max_latency / 1000,
    )
    check_gpus(gpus or 0)
    ledger = Ledger(db, read_only=False, create=False)
    shown = Terminal(stderr=True) if as_json else console
    # Shown without a task, or where there is no terminal, it would be an empty line.
    progress = Progress(console=shown, transient=True, disable=not shown.is_interactive)
    tasks: dict[str, TaskID] = {}

    def watch(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
            progress.start()
        progress.update(tasks[what], completed=done)

    try:
        made = screen_space(
            ledger,
            chosen,
            config,
            device="cuda" if gpus else "cpu",
            watch=watch,
            say=lambda line: echo(line, err=True),
        )
    finally:
        progress.stop()
    if made.missing:
        echo(f"Without {', '.join(made.missing)}: not in the bank.", err=True)
    if as_json:
        echo_json(asdict(made))
        return
    consent.tell_of_analyses()
    for name in ("screen", "screen_families"):
        answer = table(name, ledger, screen=made.ident)
        note = answer.attrs["note"]
        console.print(render(answer, "table", title=question(name), note=note, limit=20))
        console.print()
    summary = f"{made.scored:,} of {made.total:,} mixtures in {made.seconds:.1f} s."
    console.print(summary)


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(screen)
