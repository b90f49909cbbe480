"""Checks that both a run and a dry run make."""

from nas.campaign import controls
from nas.campaign.bank import check_starts
from nas.campaign.constraints import check_constraints
from nas.campaign.screen import check_screen
from nas.campaign.tracking import check_log
from nas.execute import make_executor
from nas.hardware import check_gpus
from nas.render import check_space, check_trusted
from nas.schema import CampaignConfig, Space


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
    check_starts(space, config)
    check_screen(config)
