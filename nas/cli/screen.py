"""`nas screen`: score mixtures of the bank's experts without training any."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.progress import Progress, TaskID

from nas.cli import arguments, consent, defaults, options
from nas.cli.bank_options import ExpertOptions
from nas.cli.console import note, put, put_shown
from nas.cli.groups import grouped
from nas.cli.option_checks import finite
from nas.cli.option_groups import RecipeOptions
from nas.cli.output import FEW_ROWS, Form, form_of, print_facts, progress_console, rendered_analysis
from nas.cli.volume import quiet
from nas.cli.working import working
from nas.schema import SCRATCH, ScreenConfig, Space
from nas.schema.size import parse_size

if TYPE_CHECKING:
    from nas.campaign.screen import ScreenRun
    from nas.ledger import Ledger


@dataclass(frozen=True)
class SourceOptions:
    """Which bank has the experts, apart from how they are trained."""

    dataset: options.Dataset = None
    split_seed: options.SplitSeed = 0
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Score the tuned experts of `nas bank --tuned`.")
    ] = False


@dataclass(frozen=True)
class LimitOptions:
    """Which mixtures are scored, and how far."""

    top: Annotated[
        int,
        typer.Option(
            min=1,
            max=10**8,
            help="Fit probes, static weights and gates for this many mixtures, the best averages.",
        ),
    ] = 200
    limit: Annotated[
        int,
        typer.Option(
            min=1,
            max=10**8,
            help="Score at most this many mixtures; from a larger space, draw them uniformly.",
        ),
    ] = 200_000
    max_params: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Most parameters of a mixture's experts, as in 20M."),
    ] = None
    max_latency: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=finite,
            help="Largest latency of a mixture in ms per image, summed over its experts.",
        ),
    ] = None


@grouped
def screen(
    space: options.SpaceName = None,
    *,
    source: SourceOptions,
    experts: ExpertOptions,
    recipe: RecipeOptions,
    limits: LimitOptions,
    gpus: options.Gpus = None,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Score every mixture of a space from the predictions of the bank's experts; train none.

    Uses the latest bank of the data set that matches the options given. Options on how experts were
    trained mean the same as in `nas bank`.

    Example: `nas screen moe4 --dataset cifar10`
    """
    from nas import data
    from nas.campaign.bank import families_of, fitting_bank
    from nas.compute import use_threads
    from nas.hardware import check_gpus
    from nas.ledger import Ledger

    chosen_form = form_of(form, as_json)
    space = defaults.space_for(space, gpus)
    use_threads(defaults.workers_for(0))
    chosen = recipe.adjusted(space)
    families_of(chosen)
    dataset = defaults.dataset_for(source.dataset, gpus, chosen)
    data.check_name(dataset)
    config = _configured(data.canonical(dataset), source, experts, limits)
    check_gpus(gpus or 0)
    ledger = Ledger(db, read_only=False, create=False)
    found = fitting_bank(
        *(ledger, chosen, config),
        recipe=recipe.fixed(),
        hold_out=experts.hold_out,
        replicate=experts.seed,
    )
    if found is not None:
        bank, chosen, config = found
        epochs = chosen.recipe.epochs
        note(f"Experts of the bank {bank}, {epochs} epoch{'s'[: epochs != 1]} each.")
    made = _scored(ledger, chosen, config, gpus, chosen_form)
    if made.missing:
        note(f"Not in the bank, so left out: {', '.join(made.missing)}.")
    if chosen_form == "json":
        print_facts(chosen_form, asdict(made), shown=[])
        return
    print_screen(ledger, made, chosen_form)


def _configured(
    dataset: str, source: SourceOptions, experts: ExpertOptions, limits: LimitOptions
) -> ScreenConfig:
    largest = None if limits.max_params is None else parse_size(limits.max_params, "--max-params")
    return arguments.config_of(
        ScreenConfig,
        dataset=dataset,
        split_seed=source.split_seed,
        experts="bank" if source.tuned else SCRATCH,
        top=limits.top,
        limit=limits.limit,
        max_params=largest,
        max_latency=None if limits.max_latency is None else limits.max_latency / 1000,
        **experts.settings(),
    )


def _scored(
    ledger: "Ledger", space: Space, config: ScreenConfig, gpus: int | None, form: Form
) -> "ScreenRun":
    """Scores the mixtures and shows the progress."""
    from nas.campaign.screen import screen_space

    shown = progress_console(form)
    # Without a task or a terminal it would print an empty line.
    progress = Progress(console=shown, transient=True, disable=quiet() or not shown.is_interactive)
    tasks: dict[str, TaskID] = {}

    def watch(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
            progress.start()
        progress.update(tasks[what], completed=done)

    device = "cuda" if gpus else "cpu"
    try:
        with working("scoring mixtures") if progress.disable else nullcontext():
            return screen_space(ledger, space, config, device=device, watch=watch, on_message=note)
    finally:
        progress.stop()


def print_screen(ledger: "Ledger", made: "ScreenRun", form: Form = "table") -> None:
    """Prints the best mixtures and, as a table, the families in them."""
    from nas.results import question, table

    def rendered(name: str) -> RenderableType:
        answer = table(name, ledger, screen=made.ident)
        return rendered_analysis(answer, form, question(name), limit=FEW_ROWS)

    if form != "table":
        put(str(rendered("screen")), None)
        return
    consent.tell_of_analyses()
    for name in ("screen", "screen_families"):
        put_shown(None, rendered(name), "")
    put_shown(None, f"{made.scored:,} of {made.total:,} mixtures in {made.seconds:.1f} s.")


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(screen)
