"""Controls: each member trained alone with the same recipe, as the baseline of a mixture's lift.

Experts inside a mixture are trained together; to compare a mixture with its best expert, the
experts are also trained alone for the same number of epochs.
"""

from collections.abc import Iterable, Iterator

from nas.render import CandidateError, template_hash
from nas.schema import (
    Assignment,
    CampaignConfig,
    Candidate,
    ExpertChoice,
    Record,
    Space,
    Status,
    Task,
)

SINGLE = "single"
PRETRAINED = "pretrained"


def template_alone(space: Space) -> str:
    """The template of one member of a space alone: one that prepares its own images, where members
    are pretrained."""
    return PRETRAINED if space.pretrained else SINGLE


def wanted(space: Space, config: CampaignConfig) -> bool:
    """Whether a campaign trains controls: arms have no members that could be trained alone."""
    return config.controls and space.experts is not None


def control(space: Space, pick: ExpertChoice, task: Task) -> Candidate:
    """The candidate that trains one member alone."""
    template = template_alone(space)
    alone = space.with_(template=template)
    return Candidate.of(alone, Assignment(picks=(pick,)), task, template_hash(template))


def check_template(candidate: Candidate, space: Space) -> None:
    """Raises CandidateError if a ledger's candidate has another template than its campaign: the
    user consented only to the campaign's."""
    if candidate.template not in (space.template, template_alone(space)):
        raise CandidateError(
            f"candidate {candidate.key} is of the template {candidate.template}, and its campaign"
            f" of {space.template}: the ledger was changed by another program",
            fix="restore the ledger from a backup that you trust",
        )


def due(records: Iterable[Record], have: set[ExpertChoice]) -> Iterator[ExpertChoice]:
    """Members of successful candidates that have no control yet, in the order of draws."""
    seen = set(have)
    for record in records:
        if record.status is Status.OK:
            for pick in record.assignment.picks:
                if pick not in seen:
                    seen.add(pick)
                    yield pick
