"""What a run and a dry run refuse alike."""

from nas.campaign.bank import check_starts
from nas.campaign.config import CampaignConfig
from nas.campaign.logs import check_log
from nas.campaign.plan import check_plan
from nas.campaign.screening import check_screen
from nas.execute import check_gpus, make_executor
from nas.render import check_space
from nas.spec import Space


def check_settings(space: Space, config: CampaignConfig) -> None:
    """Whether this machine could do what is asked, were the data there.

    Raises ProblemError for missing GPUs and packages, for settings that contradict each other or
    the space, and for a space that its template refuses.
    """
    check_gpus(config.gpus)
    check_log(config.log)
    make_executor(config.executor, workers=config.workers, gpus=config.gpus)
    check_plan(space, config)
    check_space(space)
    check_starts(space, config)
    check_screen(config)
