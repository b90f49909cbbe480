"""What came with nas, where its user's own files may lie beside it."""

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def _known() -> frozenset[Path]:
    """All that git tracks; nothing where this is no checkout, or there is no git."""
    words = ["git", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(words, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return frozenset()
    return frozenset(ROOT / name for name in listed.decode().split("\0") if name)


def tracked(paths: Iterable[Path]) -> list[Path]:
    """Those that git tracks, or all where it cannot tell: tests of what the README and the docs
    say are not about own files."""
    known = _known()
    return [path for path in paths if not known or path.resolve() in known]
