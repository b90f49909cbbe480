"""Consent to run code from the working directory in place of files shipped with nas.

A folder may come from anybody, and a user who types a shipped name expects the shipped file.
Consent is to a file's content, whatever its folder, and is kept in the user's configuration. A
changed file needs new consent.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from nas import resources
from nas.files import read_source, write_text
from nas.schema import ProblemError

KINDS = {"templates": ".py.j2", "analysis": ".py"}
"""The open folders that contain code, with the suffix of their files."""


def kept_in() -> Path:
    """The path of the JSON file that keeps consents."""
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    # The XDG base directory specification: ignore a relative path.
    return (
        (configured if configured.is_absolute() else _home() / ".config") / "nas" / "trusted.json"
    )


def is_trusted(text: str) -> bool:
    """Whether the user consented to a file with this text."""
    return _digest(text) in _known()


def trust(files: Iterable[Path]) -> None:
    """Records consent to files as they are now. Raises ProblemError for a file that is not text."""
    if not (files := list(files)):
        return
    known = _known() | {_digest(read_source(path)): str(path.resolve()) for path in files}
    path = kept_in()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(known, indent=1) + "\n")


def takes_place(path: Path) -> bool:
    """Whether a file of an open folder has the name of a shipped file."""
    return any((resources.shipped(kind) / path.name).exists() for kind in KINDS)


def in_question() -> list[Path]:
    """The working directory's files that need consent, whether it was given or not: its templates,
    and its analyses with a shipped name. An analysis with another name runs only when typed."""
    found = []
    for kind, suffix in KINDS.items():
        for folder in resources.folders(kind):
            if folder.resolve() != resources.shipped(kind).resolve():
                files = sorted(folder.glob(f"*{suffix}"))
                found += [path for path in files if kind == "templates" or takes_place(path)]
    return found


def _known() -> dict[str, str]:
    """Digest → path of each file with consent."""
    path = kept_in()
    try:
        known = json.loads(read_source(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError, ProblemError) as error:
        raise _unreadable(path) from error
    if not isinstance(known, dict):
        raise _unreadable(path)
    return known


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:  # HOME is not set, and the user has no entry
        raise ProblemError(
            "the folder of your configuration is unknown", fix="set HOME or XDG_CONFIG_HOME"
        ) from error


def _unreadable(path: Path) -> ProblemError:
    return ProblemError(
        "this file of consents cannot be read",
        where=str(path),
        fix="remove it, and consent again with `nas trust`",
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
