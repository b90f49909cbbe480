"""Retrains a campaign's best candidates with new seeds.

The top of a leaderboard is biased upwards, because candidates lead partly by chance. Runs with new
seeds, made after the selection, are unbiased.
"""

from dataclasses import replace

from nas.campaign.controls import check_template
from nas.campaign.run import Callbacks, RunResult, run
from nas.ledger import CampaignStore, Ledger, NewCandidate, Owner
from nas.render import current_hash, rendered_anew
from nas.schema import CampaignConfig, Candidate, ProblemError, Role, Space


def confirm(
    ledger: Ledger, name: str, config: CampaignConfig, callbacks: Callbacks, *, top: int, seeds: int
) -> RunResult:
    """Trains each of the `top` best candidates `seeds` more times, and draws no new candidates."""
    row = ledger.campaign(name)
    store = CampaignStore(ledger, row.id, Owner.me())
    leaders = store.leaders(top)
    if not leaders:
        raise ProblemError(
            f"{name} has no finished candidate to confirm", fix="continue the campaign first"
        )
    space = row.space
    codes = [_code(leader, space) for leader in leaders]
    new = store.plan(
        Role.CONFIRM,
        (
            replace(leader, candidate=_again(leader.candidate, space.replicates + n), code=code)
            for leader, code in zip(leaders, codes, strict=True)
            for n in range(seeds)
        ),
    )
    leading = f"{len(leaders)} leader{'s'[: len(leaders) != 1]}"
    callbacks.on_message(f"{new} confirmation{'s'[: new != 1]} of {leading} to train")
    unlimited = config.with_(budget_seconds=None)
    return run(ledger, name, unlimited, callbacks, only=Role.CONFIRM)


def _again(candidate: Candidate, further: int) -> Candidate:
    return candidate.with_replicate(candidate.replicate + further)


def _code(leader: NewCandidate, space: Space) -> str:
    """The code that a candidate was trained with. Raises ProblemError if its template has
    changed."""
    candidate = leader.candidate
    check_template(candidate, space)
    if current_hash(candidate) is not None:
        raise ProblemError(
            f"the template {candidate.template} has changed since {candidate.key} was trained: its"
            " confirmations would be of another network",
            fix="put the template back as it was, or search anew with this one",
        )
    return rendered_anew(candidate, leader.code)
