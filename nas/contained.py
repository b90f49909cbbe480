"""Safe paths to files below a folder: plain names only, and no links.

The names come from ledgers, which anybody may have written. They must never lead to reading,
writing or removing anything outside the folder.
"""

import re
from pathlib import Path

from nas.schema import ProblemError

_NAME = re.compile(r"[\w-][\w.-]{0,254}", re.ASCII)


def contained(root: Path, *names: str | int) -> Path:
    """The path of `names` below `root`; only `root` itself may be a link.

    Raises ProblemError for a name with a path in it (`..`, `a/b`, an absolute path), and where
    any part of the path below `root` is a link.
    """
    path = root
    for name in map(str, names):
        if not _NAME.fullmatch(name):
            raise ProblemError(
                f"{name[:80]!r} is not a valid name for a file of nas",
                where=str(root),
                fix="the ledger that names it is damaged or malicious; run `nas doctor`",
            )
        path = path / name
    try:
        real, straight = path.resolve(), root.resolve() / path.relative_to(root)
        # Python 3.13 leaves a circle of links as it is.
        leads_out = real != straight or any(part.is_symlink() for part in (real, *real.parents))
    except (OSError, RuntimeError):  # a circle, before 3.13
        leads_out = True
    if leads_out:
        raise ProblemError(
            "a link leads out of this folder and is not followed",
            where=str(path),
            fix="replace the link by its target; only the whole files folder may be a link",
        )
    return path
