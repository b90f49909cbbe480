"""Which files of a working directory may take the place of nas's own: those a person said so of.

A folder may be anybody's, and whoever types a shipped name in it means what came with nas. Consent
is to a file's content, in whatever folder it lies, and is kept in the person's own configuration;
a file that changes needs it again.
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
"""The open folders whose files are code, and how their names end."""


def kept_in() -> Path:
    """Where consent is kept."""
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    # A relative one is to be ignored, says the XDG base directory specification.
    return (
        (configured if configured.is_absolute() else _home() / ".config") / "nas" / "trusted.json"
    )


def is_trusted(text: str) -> bool:
    """Whether somebody consented to a file of this text."""
    return _digest(text) in _known()


def trust(files: Iterable[Path]) -> None:
    """Consents to files as they are. Raises ProblemError for what is no text file."""
    if not (files := list(files)):
        return
    known = _known() | {_digest(read_source(path)): str(path.resolve()) for path in files}
    path = kept_in()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(known, indent=1) + "\n")


def takes_place(path: Path) -> bool:
    """Whether a file of an open folder has the name of one that came with nas."""
    return any((resources.shipped(kind) / path.name).exists() for kind in KINDS)


def in_question() -> list[Path]:
    """The working directory's files that may need consent, given or not: its templates, and its
    analyses of a shipped one's name. One of another name runs when that is typed."""
    found = []
    for kind, suffix in KINDS.items():
        for folder in resources.folders(kind):
            if folder.resolve() != resources.shipped(kind).resolve():
                files = sorted(folder.glob(f"*{suffix}"))
                found += [path for path in files if kind == "templates" or takes_place(path)]
    return found


def _known() -> dict[str, str]:
    """Digest → the path that was consented to."""
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
    except RuntimeError as error:  # no HOME, and no such user
        raise ProblemError(
            "where your configuration is kept is not known", fix="set HOME, or XDG_CONFIG_HOME"
        ) from error


def _unreadable(path: Path) -> ProblemError:
    return ProblemError(
        "this file of consents cannot be read",
        where=str(path),
        fix="remove it, and consent again with `nas trust`",
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
