"""Which files of finished attempts stay: weights by rule, checkpoints only while they serve."""

import shutil
from collections.abc import Iterable
from pathlib import Path


def keep_best(rule: str, scored: Iterable[tuple[float, Path]]) -> None:
    """Deletes weight files that the rule (`all`, `none`, `best:N`) does not keep.

    `scored` holds (validation accuracy, weights file) of finished candidates; at equal accuracy
    the earlier one stays.
    """
    if rule == "all":
        return
    keep = 0 if rule == "none" else int(rule.removeprefix("best:"))
    ranked = sorted(scored, key=lambda pair: -pair[0])
    for _, path in ranked[keep:]:
        path.unlink(missing_ok=True)


def clear(folder: Path, keep: str | None = None) -> None:
    """Empties an attempt's folder but for one file; removes it when nothing is kept."""
    if not folder.is_dir():
        return
    if keep is None or not (folder / keep).exists():
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.name != keep:
            path.unlink(missing_ok=True)
