"""`nas bank`: train each member of a space once and keep what it predicts."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import JustifyMethod
from rich.table import Table

from nas.cli import arguments, complete, consent, defaults, options
from nas.cli.console import console, echo, note, open_if_there
from nas.cli.output import Form, form_of, print_records
from nas.cli.volume import quiet, verbose
from nas.cli.working import working
from nas.files import check_new_folder
from nas.report.cells import cell
from nas.report.terminal import Terminal
from nas.schema import BankConfig, ProblemError, Space
from nas.schema.size import parse_size

if TYPE_CHECKING:
    from nas.campaign.bank import BankMember
    from nas.data.manifest import Manifest
    from nas.experts import Bank, Entry
    from nas.ledger import Ledger


def bank(
    space: options.SpaceName = None,
    dataset: options.Dataset = None,
    budget: options.Budget = None,
    executor: options.ExecutorName = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    scheduler: Annotated[
        str,
        typer.Option(
            help="fifo, or asha, which stops poor experts early and leaves them out.",
            autocompletion=complete.words("fifo", "asha"),
        ),
    ] = "fifo",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    lr: options.Lr = None,
    image_size: options.ImageSize = None,
    settings: options.Settings = None,
    hold_out: options.HoldOut = 0.2,
    seed: options.BankSeed = 0,
    tuned: Annotated[
        bool,
        typer.Option(
            "--tuned",
            help="Also train each expert further, alone, at the fine-tuning rate: `nas screen"
            " --tuned` predicts finetuned candidates better.",
        ),
    ] = False,
    max_size: Annotated[
        str, typer.Option(help="Largest size of the bank on disk, as in 500M or 20G.")
    ] = "20G",
    publish: Annotated[
        Path | None,
        typer.Option(help="Write the bank as a tabular benchmark into this new or empty folder."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="With --publish: the benchmark's licence. [CC BY 4.0]")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="First verify the checksums of all files; damaged experts are trained again.",
        ),
    ] = False,
    time_limit: options.TimeLimit = None,
    data_root: options.DataRoot = Path("data"),
    split_seed: options.SplitSeed = 0,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Train each member of a space once; keep its weights and predictions.

    `nas screen` then scores mixtures from these predictions, without training any. Experts that are
    in the bank already are not trained again.

    Example: `nas bank moe4 --dataset cifar10 --gpus 1`
    """
    from nas import data
    from nas.campaign.bank import (
        bank_members,
        bank_of,
        bank_with,
        existing_entries,
        open_bank,
        single_expert_space,
    )
    from nas.campaign.dataset import examine, hold_experts_to
    from nas.campaign.run import check as check_run
    from nas.hardware import check_gpus
    from nas.ledger import Ledger, check_place
    from nas.ledger.output_paths import check_output
    from nas.space import check_models, find

    chosen_form = form_of(form, as_json)
    if publish is None:
        options.only_with("--publish", {"--licence": licence})
    else:
        check_output(publish)
        check_new_folder(publish)
    space = defaults.space_for(space, gpus)
    chosen = arguments.adjusted(
        space, settings, image_size, epochs=epochs, batch_size=batch_size, lr=lr
    )
    limit = parse_size(max_size, "--max-size")
    config = arguments.config_of(
        BankConfig,
        dataset=data.canonical(defaults.dataset_for(dataset, gpus)),
        split_seed=split_seed,
        hold_out=hold_out,
        replicate=seed,
        bank_bytes=limit,
        scheduler=scheduler,
        budget_seconds=arguments.budget_of(budget),
        executor=executor or "ray",
        workers=workers or arguments.default_workers(gpus or 0),
        gpus=gpus or 0,
        time_limit=arguments.time_limit_of(time_limit or "6h"),
        data_root=str(data_root.absolute()),
    )

    def check_all() -> None:
        check_gpus(config.gpus)
        defaults.provide(config.dataset, data_root)
        check_models(chosen, find(space))
        consent.ask_about_templates(single_expert_space(chosen), config)
        check_run(single_expert_space(chosen), config)

    @cache
    def examined() -> "Manifest":
        with working("looking at the data"):
            return examine(config, note)

    if not open_if_there(db):  # what is refused leaves no ledger behind
        check_place(db)
        check_all()
        examined()
    ledger = Ledger(db, read_only=False)
    kept = bank_of(ledger)
    kept.sweep()

    def filled(config: BankConfig) -> "tuple[list[BankMember], dict[str, Entry]]":
        experts = bank_members(chosen, config)
        keys = [expert.key for expert in experts]
        hold_experts_to(ledger, keys, note, data_root=config.data_root)
        found = existing_entries(kept, experts)
        if check:
            found = _sound(kept, found)
        missing = [expert for expert in experts if expert.key not in found]
        if not missing:
            return experts, found
        check_all()
        name, again = open_bank(ledger, chosen, config, missing, examined)
        if again:
            lost = "1 expert was" if again == 1 else f"{again} experts were"
            are = "is" if again == 1 else "are"
            note(f"{lost} lost or damaged and {are} trained again.")
        _train(ledger, name, config, aside=chosen_form != "table")
        return experts, existing_entries(kept, experts)

    experts, found = filled(config)
    every = found
    if tuned:
        begun = bank_with(ledger, chosen, config, examined)
        config = config.with_(experts=begun)
        experts, found = filled(config)
        every = every | found
    timed = _timed(ledger, kept, every, single_expert_space(chosen), config)
    found = {key: timed[key] for key in found}
    _show(experts, found, chosen_form)
    if publish is not None:
        terms = "CC BY 4.0" if licence is None else licence
        _publish(ledger, kept, found, chosen, config, publish, terms)
    if not found:
        raise ProblemError(
            "no expert was trained to its end",
            fix=f"see why: {ledger.command('report', 'failures')}",
        )


def _train(ledger: "Ledger", name: str, config: BankConfig, *, aside: bool) -> None:
    from nas.campaign.run import Callbacks, run
    from nas.cli.run_and_print import exit_code, exit_code_of
    from nas.report.progress import Display

    try:
        with Display(
            Terminal(stderr=True) if aside else console,
            ledger,
            name,
            quiet=quiet(),
            epochs=verbose(),
        ) as display:
            callbacks = Callbacks(display.say, display.on_tick, display.on_profile)
            ended = run(ledger, name, config, callbacks)
    except KeyboardInterrupt as stop:
        raise typer.Exit(exit_code(stop)) from None
    if ended.fault:
        raise ProblemError(ended.fault, fix="mend it and type the same again: the rest is kept")
    if code := exit_code_of(ended.stop):
        echo(f"{name}: {ended.stop}. The same command goes on.", err=True)
        raise typer.Exit(code)


def _timed(
    ledger: "Ledger", kept: "Bank", found: "dict[str, Entry]", alone: Space, config: BankConfig
) -> "dict[str, Entry]":
    """The entries with their latency, measured now that nothing is trained."""
    if all(entry.latency for entry in found.values()):
        return found
    from nas.campaign.latencies import measure_latencies

    consent.ask_about_templates(alone, config)
    with working("measuring latency") as update:
        return measure_latencies(
            ledger,
            kept,
            found.values(),
            config,
            say=note,
            watch=lambda number, total, model: update(
                f"measuring latency {number}/{total}: {model}"
            ),
        )


def _publish(
    ledger: "Ledger",
    kept: "Bank",
    found: "dict[str, Entry]",
    space: "Space",
    config: BankConfig,
    folder: Path,
    licence: str,
) -> None:
    from nas.export.benchmark import publish
    from nas.ledger.screens import screen_of, screen_of_experts, screened

    ident = screen_of_experts(ledger, found)
    scores = None if ident is None else screened(ledger, ident)
    total = None if ident is None else screen_of(ledger, ident).total
    sizes = publish(
        kept,
        list(found.values()),
        scores,
        folder,
        of=total,
        space=space,
        config=config,
        licence=licence,
    )
    if scores is None:
        note("Without mixtures: `nas screen` scores them.")
    size = sum(sizes.values()) / 1e6
    note(f"{folder}: {', '.join(sizes)}; {size:.1f} MB")


def _sound(kept: "Bank", found: "dict[str, Entry]") -> "dict[str, Entry]":
    """The entries whose files are what was written; the others are removed and told of."""
    from nas.experts import BankError

    sound = {}
    for key, entry in found.items():
        try:
            kept.verify(entry)
            sound[key] = entry
        except BankError as error:
            echo(f"{entry.model}: {error}", err=True)
            kept.remove(key)
    return sound


def _show(experts: "list[BankMember]", found: "dict[str, Entry]", form: Form) -> None:
    rows: list[dict[str, Any]] = [
        {
            "family": expert.family,
            "model": expert.model,
            "key": expert.key,
            "in_bank": expert.key in found,
            **(_figures(found[expert.key]) if expert.key in found else {}),
        }
        for expert in experts
    ]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("family", "model", "val %", "test %", "params", "ms", "MB"):
        justify: JustifyMethod = "left" if column in ("family", "model") else "right"
        table.add_column(column, justify=justify, no_wrap=column == "model")
    for row in sorted(rows, key=lambda row: -row.get("val_acc", -1.0)):
        if not row["in_bank"]:
            table.add_row(row["family"], row["model"], "not there", "", "", "", "")
            continue
        table.add_row(
            *(row["family"], row["model"]),
            *(cell("val_acc", row["val_acc"]), cell("test_acc", row["test_acc"])),
            *(cell("params", row["params"]), _milliseconds(row["latency"])),
            f"{row['bytes'] / 1e6:.1f}",
        )
    size = sum(entry.bytes for entry in found.values())
    summary = f"\n{len(found)} of {len(experts)} experts, {size / 1e6:,.1f} MB; ms is of one image."
    print_records(form, rows, shown=[table, summary])


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.2f}"


def _figures(entry: "Entry") -> dict[str, Any]:
    return {
        "val_acc": entry.val_acc,
        "test_acc": entry.test_acc,
        "params": entry.params,
        "latency": entry.latency.get(1),
        "bytes": entry.bytes,
        "seconds": entry.seconds,
    }


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(bank)
