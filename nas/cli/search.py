"""`nas search`: draw candidates and train them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from nas.cli import arguments, consent, defaults, options
from nas.cli.console import note
from nas.cli.dry_run import print_draws
from nas.cli.groups import grouped
from nas.cli.option_checks import only_with
from nas.cli.option_groups import (
    DataOptions,
    LengthOptions,
    MachineOptions,
    OutputOptions,
    PhaseOptions,
    RecipeOptions,
)
from nas.cli.run_and_print import work
from nas.cli.search_options import DrawOptions, DryRunOptions, KeepOptions, TrainOptions
from nas.cli.working import working
from nas.schema import SCRATCH, ProblemError, SearchConfig, Space, UsageError
from nas.schema.scores import CORRECTED

if TYPE_CHECKING:
    from nas.render import Place

SIZE = "image_size"
DEFAULT_SECONDS = 240.0
"""Working time of a search without --budget, --trials and --from-screen."""


@grouped
def search(
    space: options.SpaceName = None,
    *,
    source: DataOptions,
    recipe: RecipeOptions,
    length: LengthOptions,
    machine: MachineOptions,
    draw: DrawOptions,
    phase: PhaseOptions,
    train: TrainOptions,
    keep: KeepOptions,
    output: OutputOptions,
    dry: DryRunOptions,
) -> None:
    """Draw, render, train and rank heterogeneous mixtures of experts; for 4 minutes, unless
    --budget, --trials or --from-screen is given.

    Example: `nas search --budget 28d --gpus 1`, `nas search moe4 --dataset cifar100`
    """
    from nas.hardware import check_gpus
    from nas.ledger import check_place
    from nas.render import runs_unasked

    form = output.chosen
    if not dry.dry_run:
        only_with("--dry-run", {"--render": dry.render, "--audit": dry.audit})
    typed, space = space, defaults.space_for(space, machine.gpus)
    chosen = recipe.adjusted(space)
    wishes = phase.wishes
    if draw.from_report is not None:
        wishes = arguments.advised(output.db, draw.from_report, wishes)
    config = arguments.config_of(
        SearchConfig,
        **source.settings(machine.gpus, chosen),
        **(machine.with_defaults() | length.given() | phase.given() | output.given()),
        **(draw.settings() | train.settings() | keep.settings()),
        prefer=arguments.names_of(wishes["prefer"]),
        drop=arguments.names_of(wishes["drop"]),
    )
    config = with_length(_from_screen(chosen, config, draw, output.db))
    if train.experts != SCRATCH:
        chosen, config = arguments.from_bank(chosen, config, train.experts, output.db)
    if not dry.dry_run:
        check_place(output.db)
        check_gpus(config.gpus)
        # First, because what follows imports timm.
        defaults.provide(config.dataset, source.data_root)
    settings, place = _checked(chosen, config, recipe, space)
    if dry.dry_run:
        if runs_unasked(chosen.template):
            _check_losses(chosen, settings, place)
        print_draws(chosen, config, keep.name, output.db, dry.render, dry.audit, form)
        return
    consent.ask_about_templates(chosen, config, typed=typed)
    _check_losses(chosen, settings, place)
    _begin(chosen, config, keep.name, output)


def _checked(
    chosen: Space, config: SearchConfig, recipe: RecipeOptions, space: str
) -> tuple[Mapping[str, object], "Place"]:
    """Checks a space without running its code. What --set changed in it, and where its parts are
    given, for errors."""
    from nas.campaign.checks import check_recipes, check_scheduler
    from nas.render import check_effects, check_space
    from nas.space import check_models, find
    from nas.space.settings import parse_settings, place_of

    with working("checking the space"):
        check_models(chosen, find(space))
        settings = parse_settings(recipe.assignments)
        place = place_of(settings, find(space))
        with _blaming(settings), _blaming_size(recipe, space):
            check_space(chosen, place)
            check_recipes(chosen, place)
            check_effects(chosen, place)
            check_scheduler(chosen, config, place)
    return settings, place


def _check_losses(space: Space, settings: Mapping[str, object], place: "Place") -> None:
    from nas.campaign.refused_losses import check_losses

    with working("checking the losses"), _blaming(settings):
        check_losses(space, place)


@contextmanager
def _blaming(settings: Mapping[str, object]) -> Iterator[None]:
    """Makes an error in a part of a space that --set gave one of the command line."""
    from nas.render import SpaceError
    from nas.space.settings import setting_of

    try:
        yield
    except SpaceError as error:
        if setting_of(settings, error.part) is None:
            raise
        problem = error.problem
        raise UsageError(problem.what, where=problem.where, fix=problem.fix) from None


@contextmanager
def _blaming_size(recipe: RecipeOptions, space: str) -> Iterator[None]:
    """Makes an error that a space has at another size of images alone one of the option that gives
    the size."""
    from nas.render import SpaceError, check_space

    try:
        yield
    except SpaceError as error:
        option, usual = _size_option(recipe)
        if not option:
            raise
        try:
            check_space(usual.adjusted(space))
        except ProblemError:
            raise error from None
        problem = error.problem
        raise UsageError(problem.what, where=option, fix=problem.fix) from None


def _size_option(recipe: RecipeOptions) -> tuple[str, RecipeOptions]:
    """The option that gives the images' size, empty if none does, and all others."""
    if recipe.image_size is not None:
        return f"--image-size {recipe.image_size}", replace(recipe, image_size=None)
    others = [w for w in recipe.assignments or () if w.partition("=")[0].strip() != SIZE]
    if len(others) < len(recipe.assignments or ()):
        return f"--set {SIZE}", replace(recipe, assignments=others)
    return "", recipe


def _from_screen(space: Space, config: SearchConfig, draw: DrawOptions, db: str) -> SearchConfig:
    """With --from-screen K, the settings that train the K best mixtures of a screen and K controls.

    Raises UsageError for a space without families, and if the screen has fewer than K mixtures with
    the score --by.
    """
    from nas.campaign.bank import families_of
    from nas.campaign.screen import find_screen
    from nas.ledger import Ledger
    from nas.ledger.screens import best_screened, check_score, screen_of
    from nas.sample import SurrogateSampler, TopKWithControls

    if draw.from_screen is None:
        only_with("--from-screen", {"--by": None if draw.by == DrawOptions.by else draw.by})
        return config
    if draw.sampler != DrawOptions.sampler:
        raise typer.BadParameter("--from-screen has its own sampler", param_hint="--sampler")
    families_of(space)
    top, by = draw.from_screen, draw.by
    score = "uniform" if by == CORRECTED else by
    check_score(score)
    ledger = Ledger(db)
    ident = find_screen(ledger, space, config)
    scored = len(best_screened(ledger, ident, score, top))
    if scored < top:
        few = "mixture has" if scored == 1 else "mixtures have"
        raise UsageError(
            f"only {scored:,} {few} the score {by} in screen {ident}, not {top:,}",
            where=f"--from-screen {top}",
            fix="ask for fewer, or give `nas screen` a larger --top, or choose --by uniform",
        )
    screen = screen_of(ledger, ident)
    kind = "tuned experts" if screen.config.from_bank else "experts"
    note(f"From screen {ident}, of {len(screen.experts)} {kind}.")
    sampler = SurrogateSampler.name if by == CORRECTED else TopKWithControls.name
    return config.with_(sampler=sampler, screen=ident, top=top, by=by)


def with_length(config: SearchConfig) -> SearchConfig:
    """The settings with the default length of a search, unless one is given."""
    if config.budget_seconds is not None or config.trials is not None:
        return config
    if config.screen is not None:
        return config.with_(trials=2 * config.top)
    return config.with_(budget_seconds=DEFAULT_SECONDS)


def _begin(space: Space, config: SearchConfig, name: str | None, output: OutputOptions) -> None:
    """Creates the campaign and runs it."""
    from nas.campaign.dataset import check_experts_unchanged, examine, experts_of
    from nas.campaign.run import check, prepare_campaign
    from nas.ledger import Ledger

    check(space, config, name)
    if config.from_bank or config.screen is not None:
        there = Ledger(output.db)
        keys = experts_of(there, config)
        check_experts_unchanged(there, keys, note, data_root=config.data_root, write=False)
    with working("looking at the data"):
        manifest = examine(config, note)
    ledger = Ledger(output.db, read_only=False)
    campaign = prepare_campaign(ledger, space, config, name, manifest)
    work(ledger, campaign, config, form=output.chosen)


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(search)
