"""`nas bank`: trains each member of a space once and keeps its predictions."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nas.cli import arguments, defaults, options
from nas.cli.bank_options import LICENCE, BankOptions, ExpertOptions, PublishOptions
from nas.cli.bank_table import print_experts
from nas.cli.bank_training import BankFiller, open_filler
from nas.cli.console import note
from nas.cli.groups import grouped
from nas.cli.option_groups import DataOptions, MachineOptions, RecipeOptions
from nas.cli.output import form_of
from nas.report.cells import disk
from nas.schema import BankConfig, ProblemError
from nas.schema.size import parse_size

if TYPE_CHECKING:
    from nas.experts import Entry


@grouped
def bank(
    space: options.SpaceName = None,
    *,
    source: DataOptions,
    recipe: RecipeOptions,
    budget: options.Budget = None,
    machine: MachineOptions,
    experts: ExpertOptions,
    filling: BankOptions,
    benchmark: PublishOptions,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Train each member of a space once; keep its weights and predictions.

    `nas screen` then scores mixtures from these predictions, without training any. Experts that are
    in the bank already are not trained again; those that --scheduler asha stops early are not kept.

    Example: `nas bank moe4 --dataset cifar10 --gpus 1`
    """
    chosen_form = form_of(form, as_json)
    benchmark.check()
    space = defaults.space_for(space, machine.gpus)
    chosen = recipe.adjusted(space)
    config = arguments.config_of(
        BankConfig,
        bank_bytes=parse_size(filling.max_size, "--max-size"),
        scheduler=filling.scheduler,
        budget_seconds=arguments.budget_of(budget),
        **(source.settings(machine.gpus, chosen) | machine.with_defaults() | experts.settings()),
    )
    filler = open_filler(chosen, space, config, db, verify=filling.check, form=chosen_form)
    members, found = filler.fill(config)
    every = found
    if filling.tuned:
        config = filler.tuned(config)
        members, found = filler.fill(config)
        every = every | found
    timed = filler.timed(every, config)
    found = {key: timed[key] for key in found}
    print_experts(members, found, chosen_form)
    if benchmark.publish is not None:
        licence = LICENCE if benchmark.licence is None else benchmark.licence
        _publish(filler, found, config, benchmark.publish, licence)
    if not found:
        raise ProblemError(
            "no expert was trained to its end",
            fix=f"see why: {filler.ledger.command('report', 'failures')}",
        )


def _publish(
    filler: BankFiller, found: "dict[str, Entry]", config: BankConfig, folder: Path, licence: str
) -> None:
    from nas.export.benchmark import publish
    from nas.ledger.screens import screen_of, screen_of_experts, screened

    ident = screen_of_experts(filler.ledger, found)
    scores = None if ident is None else screened(filler.ledger, ident)
    total = None if ident is None else screen_of(filler.ledger, ident).total
    sizes = publish(
        filler.bank,
        list(found.values()),
        scores,
        folder,
        of=total,
        space=filler.space,
        config=config,
        licence=licence,
    )
    if scores is None:
        note("No mixtures are included: `nas screen` scores them.")
    note(f"{folder}: {', '.join(sizes)}; {disk(sum(sizes.values()))}")


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(bank)
