"""The data of a campaign: looked at whole before anything else is done, and held to after."""

import shlex
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from nas import data
from nas.campaign.config import CampaignConfig
from nas.data.manifest import Manifest
from nas.ledger import Ledger
from nas.ledger.datasets import keep_manifest, manifest_of
from nas.spec import Inputs, Outcome, ProblemError, Status

_SECONDS = 10.0
"""Between lines that say how far the look has come."""


def examine(
    config: CampaignConfig, say: Callable[[str], None], known: Manifest | None = None
) -> Manifest:
    """Looks at every image of a campaign's data set, but where all that is asked is whether it is
    the `known` one; ProblemError as `nas.data.examine`."""
    said = monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal said
        if monotonic() - said > _SECONDS:
            said = monotonic()
            say(f"looked at {done:,} of {total:,} files")

    found = data.examine(config.task, Path(config.data_root), known=known, tell=tell)
    for note in found.notes:
        say(note)
    return found.manifest


def hold_to(ledger: Ledger, name: str, config: CampaignConfig, say: Callable[[str], None]) -> None:
    """Keeps what a campaign's data are made of, or compares it with what was kept.

    Raises ProblemError where they have changed: what was trained before and what would be after
    could not stand in one table.
    """
    row = ledger.campaign(name)
    kept = manifest_of(ledger, row.id)
    if kept is None:
        now = examine(config, say)
        keep_manifest(ledger, row.id, now.to_json())
        if row.heartbeat_at is not None:
            say(f"{name} had no record of its data: it is held to those of now from here on")
        return
    known = Manifest.from_json(kept)
    changes = known.changes(examine(config, say, known))
    if changes:
        anew = ["nas", "bank" if config.bank else "search", "--dataset", config.dataset]
        raise ProblemError(
            f"the data of {name} have changed since it began: {changes}",
            where=config.dataset,
            fix=f"put them back as they were, or begin anew: {shlex.join(anew)}",
        )


class SameData:
    """What the trials of one run are fed: each worker reads the data for itself, so that a change
    meanwhile would put models of two data sets into one table."""

    def __init__(self) -> None:
        self._first: Inputs | None = None

    def check(self, outcome: Outcome) -> Outcome:
        """The outcome, or a failure at stage `data` where its classes, or the numbers of its
        validation and test images, are not the first trial's."""
        fed = outcome.inputs
        if fed is None:
            return outcome
        self._first = self._first or fed
        if _counted(fed) == _counted(self._first):
            return outcome
        now, then = (
            f"{one.num_classes} classes, {one.val_images} images for validation and"
            f" {one.test_images} for testing"
            for one in (fed, self._first)
        )
        return Outcome(
            status=Status.CRASH,
            stage="data",
            message=f"the data have changed while the campaign ran: {now}, and before {then}",
            seconds=outcome.seconds,
        )


def _counted(fed: Inputs) -> tuple[tuple[str, ...], int, int]:
    return fed.class_names, fed.val_images, fed.test_images
