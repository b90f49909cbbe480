"""Checks that both a run and a dry run make."""

from collections.abc import Sequence

from nas import data
from nas.campaign import controls
from nas.campaign.bank import check_starts
from nas.campaign.constraints import check_constraints
from nas.campaign.screen import check_screen
from nas.campaign.tracking import check_log
from nas.execute import make_executor
from nas.experts.weights import WeightStore, check_weights
from nas.hardware import check_gpus
from nas.registry import LOSSES, PROCEDURES
from nas.render import Place, check_space, check_trusted, placed
from nas.render.library import parsed
from nas.schema import (
    GATE,
    CampaignConfig,
    ProblemError,
    Recipe,
    Scalar,
    Space,
    UsageError,
)
from nas.schema.axes import RECIPE, Part
from nas.schema.recipe_fields import recipe_choices, recipe_fields
from nas.space.file_schema import TRAINS_NO_EXPERT


def check_consent(space: Space, config: CampaignConfig) -> None:
    """Raises ProblemError if training would run a template of the working directory instead of
    nas's own without the user's consent. Typing a space consents to its templates with other
    names."""
    for template in templates_run(space, config):
        check_trusted(template)


def templates_run(space: Space, config: CampaignConfig) -> tuple[str, ...]:
    """The templates whose code a campaign runs."""
    return (
        (space.template, controls.template_alone(space))
        if controls.wanted(space, config)
        else (space.template,)
    )


def check_recipes(space: Space, place: Place | None = None) -> None:
    """Raises ProblemError for an unknown procedure or loss, and for a setting that no procedure it
    may be trained with has, or that cannot have its value. With a `place`, the error's `where` is
    its location."""
    for part, name, value in recipe_fields(space):
        if name == "procedure":
            with placed(part, place):
                PROCEDURES.check(value)
                if value == GATE:
                    raise ProblemError(f"recipe.procedure {TRAINS_NO_EXPERT}")
        elif name.startswith("losses."):
            with placed(part, place):
                LOSSES.check(name.removeprefix("losses."))
    everywhere = space.recipe_values("procedure")
    for part, name, value in recipe_choices(space):
        if name.startswith("settings."):
            with placed(part, place):
                _check_setting(everywhere, name.removeprefix("settings."), value)
    chosen = any(choice.name == f"{RECIPE}procedure" for choice in space.choices)
    for part, recipe in space.recipes():
        same = recipe.procedure == space.recipe.procedure
        for name, value in recipe.settings.items():
            given = (*part, f"{RECIPE}settings.{name}")
            if same and space.recipe.settings.get(name) == value:  # it has it from there
                given = ("recipe", "settings", name)
            with placed(given, place):
                _check_setting(everywhere if chosen else (recipe.procedure,), name, value)


def _check_setting(procedures: Sequence[str], name: str, value: Scalar) -> None:
    """Raises ProblemError, the first procedure's, if none of them may have the setting."""
    from nas.train import procedure  # importing torch takes seconds

    first = None
    for known in procedures:
        try:
            procedure(known).settings_of(Recipe(procedure=known, settings={name: value}))
        except ProblemError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def check_scheduler(space: Space, config: CampaignConfig, place: Place | None = None) -> None:
    """Raises ProblemError for early stopping of candidates with several numbers of epochs: at a
    rung, learning rates would have fallen to different parts of themselves."""
    epochs = space.recipe_values("epochs")
    if config.scheduler != "asha" or len(epochs) < 2:
        return
    part: Part = ("choices", f"{RECIPE}epochs")
    if not any(choice.name == part[-1] for choice in space.choices):
        recipes = (each for each in space.recipes() if each[1].epochs != space.recipe.epochs)
        part = next(recipes)[0]
    with placed(part, place):
        shown = ", ".join(map(str, sorted(epochs)))
        raise ProblemError(
            f"{space.name} trains for {shown} epochs, and asha compares candidates of one number",
            fix="set one number of epochs, or leave out --scheduler asha",
        )


def check_settings(space: Space, config: CampaignConfig) -> None:
    """Checks that this machine can run a campaign, apart from its data.

    Raises ProblemError for missing GPUs and packages, for settings that contradict each other or
    the space, and for a space that its template refuses.
    """
    check_gpus(config.gpus)
    check_log(config.log)
    make_executor(config.executor, workers=config.workers, gpus=config.gpus)
    check_constraints(space, config)
    check_space(space)
    check_recipes(space)
    check_scheduler(space, config)
    check_starts(space, config)
    check_screen(config)
    check_domains(space, config)
    if space.pretrained:
        check_prepares(space)
        check_weights(space, WeightStore.default())


def check_prepares(space: Space) -> None:
    """Raises ProblemError for pretrained members in a template that does not prepare images for
    them: it reads no `expert.inputs`."""
    if not any("expert.inputs" in part.source for part in parsed(space.template)):
        raise ProblemError(
            f"the template {space.template} has no use for the weights that members name",
            where=f"space {space.name}",
            fix=f"write template: {controls.PRETRAINED}, or leave out the weights",
        )


def check_domains(space: Space, config: CampaignConfig) -> None:
    """Raises UsageError for experts that are meant for the domains of a data set that names
    none."""
    if space.experts is not None or data.num_domains(config.dataset):
        return
    chosen = {choice.name: choice.values for choice in space.choices}
    for _, recipe in space.recipes():
        given = recipe.settings.get("domains", "given")
        kinds = chosen.get(f"{RECIPE}settings.domains", (given,))
        if recipe.procedure in ("domain_experts", "hot_plug") and "given" in kinds:
            raise UsageError(
                f"{config.dataset} names no domains of its classes, and {space.name} has experts"
                " for those that are given",
                where=f"--dataset {config.dataset}",
                fix="add --set recipe.settings.domains=even, or features, or confusion",
            )
