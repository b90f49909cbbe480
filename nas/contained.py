"""One way to a file below a folder: by plain names, over no links.

Names come from ledgers, and whoever wrote one is anybody: nothing outside the folder is to be read,
written or removed because of them.
"""

import re
from pathlib import Path

from nas.schema import ProblemError

_NAME = re.compile(r"[\w-][\w.-]{0,254}", re.ASCII)


def contained(root: Path, *names: str | int) -> Path:
    """The path of `names` below `root`, which itself may be a link.

    Raises ProblemError for a name that is more than a name (`..`, `a/b`, an absolute path) and
    where something on the way, or the end, is a link.
    """
    path = root
    for name in map(str, names):
        if not _NAME.fullmatch(name):
            raise ProblemError(
                f"{name[:80]!r} cannot name a file of nas's",
                where=str(root),
                fix="the ledger that names it is damaged, or was made to do harm: `nas doctor`",
            )
        path = path / name
    try:
        real, straight = path.resolve(), root.resolve() / path.relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        real, straight = None, path
    if real != straight:
        raise ProblemError(
            "a link leads out of this folder, and is not followed",
            where=str(path),
            fix="put what it leads to in its place; only the files folder as a whole may be a link",
        )
    return path
