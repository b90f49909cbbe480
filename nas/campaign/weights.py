"""Deletes files of finished attempts: checkpoints, and weights that `--keep-weights` excludes."""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from nas.ledger import CampaignStore, LeasedCandidate
from nas.schema import Outcome, Trial


def tidy(
    store: CampaignStore, leased: LeasedCandidate, trial: Trial, outcome: Outcome, rule: str
) -> None:
    """Deletes a finished candidate's checkpoints, and weights that `rule` does not keep."""
    for earlier in leased.earlier:
        if folder := store.folder_if_ours(leased.candidate.key, earlier.attempt):
            clear(folder)
    clear(Path(trial.folder), keep=outcome.weights)
    if outcome.weights and rule != "all":
        keep_best(rule, store.weight_files())


def keep_best(rule: str, scored: Iterable[tuple[float, Path]]) -> None:
    """Deletes weight files that the rule (`all`, `none`, `best:N`) does not keep.

    `scored` gives (validation accuracy, weights file) of finished candidates; at equal accuracy
    the earlier one is kept.
    """
    if rule == "all":
        return
    keep = 0 if rule == "none" else int(rule.removeprefix("best:"))
    ranked = sorted(scored, key=lambda pair: -pair[0])
    for _, path in ranked[keep:]:
        _remove(path)


def clear(folder: Path, keep: str | None = None) -> None:
    """Deletes an attempt's files except `keep`; removes the folder if nothing is kept."""
    if not folder.is_dir():
        return
    if keep is None or not (folder / keep).exists():
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # it contains another attempt's folder
            folder.parent.rmdir()
        return
    for path in folder.iterdir():
        if path.name != keep:
            _remove(path)


def sweep(settled: Mapping[Path, str | None]) -> None:
    """Clears attempt folders of finished candidates whose drivers were killed or lost their lease;
    `settled` maps each folder to the file to keep, if any."""
    for folder, keep in settled.items():
        clear(folder, keep)


def _remove(path: Path) -> None:
    """Removes a file, a folder or a link (not its target); errors are ignored."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
