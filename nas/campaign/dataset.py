"""Examines a campaign's data set before it starts, and checks later that it has not changed."""

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
"""Seconds between two messages about progress."""
_ANOTHER = "another.db"


def examine(
    config: CampaignConfig, on_message: Callable[[str], None], known: Manifest | None = None
) -> Manifest:
    """Examines every image of a campaign's data set and returns its manifest. With `known`, files
    whose size and time are unchanged are not read again. Raises as `nas.data.examine`."""
    reported_at = monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal reported_at
        if monotonic() - reported_at > _SECONDS:
            reported_at = monotonic()
            on_message(f"checked {done:,} of {total:,} files")

    found = data.examine(config.task, Path(config.data_root), known=known, tell=tell)
    for note in found.notes:
        on_message(note)
    return found.manifest


def check_folder(name: str, config: CampaignConfig) -> None:
    """Raises ProblemError if the folder of images with which a campaign started is gone."""
    if not is_own(config.dataset):
        return
    _, where = find(config.dataset, Path(config.data_root))
    if not where.is_dir():
        link = f"ln -s NEW_PLACE {shlex.quote(str(where))}"
        raise ProblemError(
            f"the folder with which {name} started is gone",
            where=str(where),
            fix=f"move it back, or link it: {link}",
        )


def check_unchanged(
    ledger: Ledger, name: str, config: CampaignConfig, on_message: Callable[[str], None]
) -> None:
    """Records the manifest of a campaign's data, or compares it with the recorded one.

    Raises ProblemError if the data have changed: results before and after would not be comparable.
    """
    row = ledger.campaign(name)
    known, now = compare_data(ledger, name, config, on_message)
    if known is None:
        keep_manifest(ledger, row.id, now.to_json())
        if row.heartbeat_at is not None:
            on_message(f"{name} had no record of its data: the current data are recorded now")
    elif now != known:  # only file times differ
        renew_manifest(ledger, row.id, now.to_json())


def compare_data(
    ledger: Ledger, name: str, config: CampaignConfig, on_message: Callable[[str], None]
) -> tuple[Manifest | None, Manifest]:
    """The recorded manifest of a campaign's data, None without one, and the current manifest.
    Raises ProblemError if the data have changed. Writes nothing."""
    row = ledger.campaign(name)
    check_folder(name, config)
    kept = manifest_of(ledger, row.id)
    if kept is None:
        return None, examine(config, on_message)
    known = Manifest.from_json(kept)
    now = examine(config, on_message, known)
    if changes := known.changes(now):
        words = row.space.name, "--dataset", config.dataset
        # The bank identifies experts by the name of their data set: changed data need a new bank.
        anew = (
            command_line("bank", *words, "--db", _ANOTHER)
            if config.bank
            else ledger.command("search", *words)
        )
        raise ProblemError(
            f"the data of {name} have changed since it started: {changes}",
            where=config.dataset,
            fix=f"restore them, or start again: {anew}",
        )
    return known, now


def experts_of(ledger: Ledger, config: CampaignConfig) -> list[str]:
    """The keys of the experts that a campaign depends on: those of its bank and its screen."""
    keys = []
    if config.from_bank:
        row = ledger.campaign(config.experts)
        keys += [expert.key for expert in bank_members(row.space, row.config)]
    if config.screen is not None:
        keys += [expert.key for expert in screen_of(ledger, config.screen).experts]
    return keys


def check_experts_unchanged(
    ledger: Ledger,
    keys: Collection[str],
    on_message: Callable[[str], None],
    *,
    data_root: str | None = None,
    write: bool = True,
) -> None:
    """Checks, as `check_unchanged`, the data of every bank that trained experts with these keys.

    With `write` off, only compares, and only banks that have a manifest. `data_root` replaces the
    banks' own. Missing data are skipped; the code that needs them reports that.
    """
    for name in banks_of(ledger, keys):
        row = ledger.campaign(name)
        config = row.config
        config = config.with_(data_root=data_root or config.data_root)
        _, where = find(config.dataset, Path(config.data_root))
        if not where.exists() or not _is_there(config):
            continue
        if write:
            check_unchanged(ledger, name, config, on_message)
        elif manifest_of(ledger, row.id) is not None:
            compare_data(ledger, name, config, on_message)


def examine_if_there(
    config: CampaignConfig,
    on_message: Callable[[str], None],
    ledger: Ledger | None = None,
    name: str | None = None,
) -> None:
    """Examines the data set, or compares it for the named campaign, and checks the data of its
    experts; writes nothing. Data that are not downloaded yet are skipped. Raises ProblemError as
    `examine` and `check_unchanged`."""
    if not _is_there(config):
        return
    if ledger:
        keys = experts_of(ledger, config)
        check_experts_unchanged(ledger, keys, on_message, data_root=config.data_root, write=False)
    if ledger and name:
        compare_data(ledger, name, config, on_message)
    else:
        examine(config, on_message)


def _is_there(config: CampaignConfig) -> bool:
    """Whether its data set is on this machine; raises as `nas.data.check`."""
    try:
        data.check(config.dataset, Path(config.data_root))
    except data.NotHereError:
        return False
    return True


class SameData:
    """Checks that all trials of one run got the same data. Each worker reads the data itself, so a
    change during the run would mix results on two data sets."""

    def __init__(self) -> None:
        self._first: DatasetInfo | None = None

    def check(self, outcome: Outcome) -> Outcome:
        """The outcome, or a failure with stage `data` if its classes, its numbers of validation and
        test images, or its range of pixel values differ from the first trial's."""
        inputs = outcome.inputs
        if inputs is None:
            return outcome
        self._first = self._first or inputs
        if _identity(inputs) == _identity(self._first):
            return outcome
        now, then = (
            f"{one.num_classes} classes, {one.val_images} images for validation and"
            f" {one.test_images} for testing{_scale(one)}"
            for one in (inputs, self._first)
        )
        return Outcome(
            status=Status.CRASH,
            stage="data",
            message=f"the data have changed during the campaign: {now}, and before {then}",
            seconds=outcome.seconds,
        )


def _identity(info: DatasetInfo) -> tuple[object, ...]:
    return info.class_names, info.val_images, info.test_images, info.value_range


def _scale(info: DatasetInfo) -> str:
    return ", values {:g}…{:g}".format(*info.value_range) if info.value_range else ""
