"""Checks that both a run and a dry run make."""

from collections.abc import Iterator

from nas.campaign import controls
from nas.campaign.bank import check_starts
from nas.campaign.constraints import check_constraints
from nas.campaign.screen import check_screen
from nas.campaign.tracking import check_log
from nas.execute import make_executor
from nas.hardware import check_gpus
from nas.registry import LOSSES, PROCEDURES
from nas.render import Place, check_space, check_trusted, placed
from nas.schema import CampaignConfig, Recipe, Space
from nas.schema.axes import RECIPE


def check_consent(space: Space, config: CampaignConfig) -> None:
    """Raises ProblemError if training would run a template of the working directory instead of
    nas's own without the user's consent. Typing a space consents to its templates with other
    names."""
    for template in templates_run(space, config):
        check_trusted(template)


def templates_run(space: Space, config: CampaignConfig) -> tuple[str, ...]:
    """The templates whose code a campaign runs."""
    return (
        (space.template, controls.TEMPLATE) if controls.wanted(space, config) else (space.template,)
    )


def check_recipes(space: Space, place: Place | None = None) -> None:
    """Raises ProblemError for an unknown procedure or loss, and for a setting that the procedure
    does not have, or that cannot have its value. With a `place`, the error's `where` is its
    location."""
    for part, recipe in _recipes(space):
        with placed(part, place):
            PROCEDURES.check(recipe.procedure)
            for name in recipe.losses:
                LOSSES.check(name)
        for name, value in recipe.settings.items():
            from nas.train import procedure  # importing torch takes seconds

            with placed((*part, name) if part[-1] == "settings" else part, place):
                procedure(recipe.procedure).settings_of(recipe.with_(settings={name: value}))


def _recipes(space: Space) -> Iterator[tuple[tuple[str | int, ...], Recipe]]:
    """Every recipe that candidates may have, but for combinations of choices, and its part of the
    space."""
    yield ("recipe", "settings"), space.recipe
    for arm, variants in space.arms.items():
        for variant in variants:
            yield ("arms", arm), space.recipe_of(variant)
    for choice in space.choices:
        if choice.name.startswith(RECIPE):
            for index, value in enumerate(choice.values):
                changed = space.recipe.having({choice.name.removeprefix(RECIPE): value})
                yield ("choices", choice.name, index), changed


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
    check_starts(space, config)
    check_screen(config)
