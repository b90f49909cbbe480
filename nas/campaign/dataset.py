"""The data of a campaign: looked at whole before anything else is done, and held to after."""

import shlex
from collections.abc import Callable, Collection
from pathlib import Path
from time import monotonic

from nas import data
from nas.campaign.bank import bank_members
from nas.data.catalog import find, is_own
from nas.data.manifest import Manifest
from nas.ledger import Ledger
from nas.ledger.datasets import banks_of, keep_manifest, manifest_of, renew_manifest
from nas.ledger.screens import screen_of
from nas.schema import (
    CampaignConfig,
    DatasetInfo,
    Outcome,
    ProblemError,
    Status,
    command_line,
)

_SECONDS = 10.0
"""Between lines that say how far the look has come."""
_ANOTHER = "another.db"


def examine(
    config: CampaignConfig, say: Callable[[str], None], known: Manifest | None = None
) -> Manifest:
    """Looks at every image of a campaign's data set, but where all that is asked is whether it is
    the `known` one; ProblemError as `nas.data.examine`."""
    reported_at = monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal reported_at
        if monotonic() - reported_at > _SECONDS:
            reported_at = monotonic()
            say(f"looked at {done:,} of {total:,} files")

    found = data.examine(config.task, Path(config.data_root), known=known, tell=tell)
    for note in found.notes:
        say(note)
    return found.manifest


def check_folder(name: str, config: CampaignConfig) -> None:
    """Raises ProblemError where the folder of images that a campaign began with is gone."""
    if not is_own(config.dataset):
        return
    _, where = find(config.dataset, Path(config.data_root))
    if not where.is_dir():
        link = f"ln -s NEW_PLACE {shlex.quote(str(where))}"
        raise ProblemError(
            f"the folder that {name} began with is gone",
            where=str(where),
            fix=f"put it back there, or link it: {link}",
        )


def hold_to(ledger: Ledger, name: str, config: CampaignConfig, say: Callable[[str], None]) -> None:
    """Keeps what a campaign's data are made of, or compares it with what was kept.

    Raises ProblemError where they have changed: what was trained before and what would be after
    could not stand in one table.
    """
    row = ledger.campaign(name)
    known, now = compare(ledger, name, config, say)
    if known is None:
        keep_manifest(ledger, row.id, now.to_json())
        if row.heartbeat_at is not None:
            say(f"{name} had no record of its data: it is held to those of now from here on")
    elif now != known:  # in times alone: no file is read for them again
        renew_manifest(ledger, row.id, now.to_json())


def compare(
    ledger: Ledger, name: str, config: CampaignConfig, say: Callable[[str], None]
) -> tuple[Manifest | None, Manifest]:
    """What a campaign's data were made of when it began, if that is recorded, and what they are
    made of now; ProblemError as `hold_to`. Writes nothing."""
    row = ledger.campaign(name)
    check_folder(name, config)
    kept = manifest_of(ledger, row.id)
    if kept is None:
        return None, examine(config, say)
    known = Manifest.from_json(kept)
    now = examine(config, say, known)
    if changes := known.changes(now):
        words = row.space.name, "--dataset", config.dataset
        # An expert goes by the name of its data: of others it needs a bank of its own.
        anew = (
            command_line("bank", *words, "--db", _ANOTHER)
            if config.bank
            else ledger.command("search", *words)
        )
        raise ProblemError(
            f"the data of {name} have changed since it began: {changes}",
            where=config.dataset,
            fix=f"put them back as they were, or begin anew: {anew}",
        )
    return known, now


def experts_of(ledger: Ledger, config: CampaignConfig) -> list[str]:
    """The keys of the experts that a campaign stands on: its bank's, its screen's."""
    keys = []
    if config.from_bank:
        row = ledger.campaign(config.experts)
        keys += [expert.key for expert in bank_members(row.space, row.config)]
    if config.screen is not None:
        keys += [expert.key for expert in screen_of(ledger, config.screen).experts]
    return keys


def hold_experts_to(
    ledger: Ledger,
    keys: Collection[str],
    say: Callable[[str], None],
    *,
    data_root: str | None = None,
    write: bool = True,
) -> None:
    """As `hold_to` for every bank that trained experts of these keys: what they predict is of the
    data that they were trained on. With `write` off as `compare`, for those with a record.

    `data_root` takes the place of the banks' own. Data that are not there are passed over: whoever
    needs them will find that out.
    """
    for name in banks_of(ledger, keys):
        row = ledger.campaign(name)
        config = row.config
        config = config.with_(data_root=data_root or config.data_root)
        _, where = find(config.dataset, Path(config.data_root))
        if not where.exists() or not _is_there(config):
            continue
        if write:
            hold_to(ledger, name, config, say)
        elif manifest_of(ledger, row.id) is not None:
            compare(ledger, name, config, say)


def examine_if_there(
    config: CampaignConfig,
    say: Callable[[str], None],
    ledger: Ledger | None = None,
    name: str | None = None,
) -> None:
    """Refuses what `examine` would, or `hold_to` for the campaign of that name, and
    `hold_experts_to`, and writes nothing; data that are still to be downloaded are passed over."""
    if not _is_there(config):
        return
    if ledger:
        keys = experts_of(ledger, config)
        hold_experts_to(ledger, keys, say, data_root=config.data_root, write=False)
    if ledger and name:
        compare(ledger, name, config, say)
    else:
        examine(config, say)


def _is_there(config: CampaignConfig) -> bool:
    """Whether its data set need not be downloaded first; raises as `nas.data.check`."""
    try:
        data.check(config.dataset, Path(config.data_root))
    except data.NotHereError:
        return False
    return True


class SameData:
    """What the trials of one run are fed: each worker reads the data for itself, so that a change
    meanwhile would put models of two data sets into one table."""

    def __init__(self) -> None:
        self._first: DatasetInfo | None = None

    def check(self, outcome: Outcome) -> Outcome:
        """The outcome, or a failure at stage `data` where its classes, the numbers of its
        validation and test images, or the values that became 0 and 1, are not the first trial's."""
        fed = outcome.inputs
        if fed is None:
            return outcome
        self._first = self._first or fed
        if _counted(fed) == _counted(self._first):
            return outcome
        now, then = (
            f"{one.num_classes} classes, {one.val_images} images for validation and"
            f" {one.test_images} for testing{_scale(one)}"
            for one in (fed, self._first)
        )
        return Outcome(
            status=Status.CRASH,
            stage="data",
            message=f"the data have changed while the campaign ran: {now}, and before {then}",
            seconds=outcome.seconds,
        )


def _counted(fed: DatasetInfo) -> tuple[object, ...]:
    return fed.class_names, fed.val_images, fed.test_images, fed.value_range


def _scale(fed: DatasetInfo) -> str:
    return ", values {:g}…{:g}".format(*fed.value_range) if fed.value_range else ""
