"""Retraining a campaign's leaders with new seeds.

The maximum of a leaderboard is biased upwards: part of why it leads is luck. New seeds, drawn after
the choice, are not.
"""

from dataclasses import replace

from nas.campaign.controls import check_template
from nas.campaign.run import Callbacks, RunResult, run
from nas.ledger import CampaignStore, Ledger, NewCandidate, Owner
from nas.render import current_hash, rendered_anew
from nas.schema import CampaignConfig, ProblemError, Role, Space


def confirm(
    ledger: Ledger, name: str, config: CampaignConfig, callbacks: Callbacks, *, top: int, seeds: int
) -> RunResult:
    """Trains each of the `top` leaders `seeds` more times and draws nothing new."""
    row = ledger.campaign(name)
    store = CampaignStore(ledger, row.id, Owner.me())
    leaders = store.leaders(top)
    if not leaders:
        raise ProblemError(
            f"{name} has no finished candidate to confirm", fix="let the campaign go on first"
        )
    space = row.space
    codes = [_code(leader, space) for leader in leaders]
    new = store.plan(
        Role.CONFIRM,
        (
            replace(leader, candidate=leader.candidate.with_replicate(replicate), code=code)
            for leader, code in zip(leaders, codes, strict=True)
            for replicate in range(1, seeds + 1)
        ),
    )
    callbacks.on_message(f"{new} confirmations of {len(leaders)} leaders to train")
    unlimited = config.with_(budget_seconds=None)
    return run(ledger, name, unlimited, callbacks, only=Role.CONFIRM)


def _code(leader: NewCandidate, space: Space) -> str:
    """What a leader was trained as. Raises ProblemError where its template makes something else
    now."""
    candidate = leader.candidate
    check_template(candidate, space)
    if current_hash(candidate) is not None:
        raise ProblemError(
            f"the template {candidate.template} has changed since {candidate.key} was trained: its"
            " confirmations would be of another network",
            fix="put the template back as it was, or search anew with this one",
        )
    return rendered_anew(candidate, leader.code)
