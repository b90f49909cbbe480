"""What was worked out once on this machine, kept in the user's cache folder.

Losing it, or a part of it, costs time alone: what is damaged or of another key counts as absent.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from nas.files import read_source, write_text
from nas.schema import ProblemError


def cache_folder() -> Path | None:
    """The folder, which need not be there yet; None where the user has no home."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if configured.is_absolute():  # a relative one is to be ignored, says its specification
        return configured / "nas"
    with suppress(RuntimeError):  # no HOME, and no such user
        return Path.home() / ".cache" / "nas"
    return None


def recall(kind: str, key: object) -> Any:
    """The JSON value that was kept for a key, which is JSON too; None where there is none."""
    path = _path(kind, key)
    if path is None:
        return None
    try:
        kept = json.loads(read_source(path))
    except (OSError, ValueError, RecursionError, ProblemError):
        return None
    if not isinstance(kept, dict) or kept.get("key") != json.loads(json.dumps(key)):
        return None
    return kept.get("value")


def keep(kind: str, key: object, value: object) -> None:
    """Keeps a JSON value, whole or not at all; a disk that refuses is no error."""
    path = _path(kind, key)
    if path is not None:
        with suppress(OSError, ProblemError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"key": key, "value": value}))


def _path(kind: str, key: object) -> Path | None:
    folder = cache_folder()
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return None if folder is None else folder / kind / f"{digest}.json"
