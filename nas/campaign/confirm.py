"""Retraining a campaign's leaders with new seeds.

The maximum of a leaderboard is biased upwards: part of why it leads is luck. New seeds, drawn after
the choice, are not.
"""

from dataclasses import replace

from nas.campaign.config import CampaignConfig
from nas.campaign.run import Ended, Voice, run
from nas.ledger import CampaignStore, Ledger, Owner
from nas.spec import ProblemError, Role


def confirm(
    ledger: Ledger, name: str, config: CampaignConfig, voice: Voice, *, top: int, seeds: int
) -> Ended:
    """Trains each of the `top` leaders `seeds` more times and draws nothing new."""
    row = ledger.campaign(name)
    store = CampaignStore(ledger, row.id, Owner.me())
    leaders = store.leaders(top)
    if not leaders:
        raise ProblemError(
            f"{name} has no finished candidate to confirm", fix="let the campaign go on first"
        )
    new = store.plan(
        Role.CONFIRM,
        (
            replace(leader, candidate=leader.candidate.again(replicate))
            for leader in leaders
            for replicate in range(1, seeds + 1)
        ),
    )
    voice.say(f"{new} confirmations of {len(leaders)} leaders to train")
    unlimited = config.with_(budget_seconds=None)
    return run(ledger, name, unlimited, voice, only=Role.CONFIRM)
