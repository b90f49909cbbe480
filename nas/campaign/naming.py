"""Valid and default names of campaigns."""

import re

from nas.schema import Space, UsageError


def check_name(name: str) -> None:
    """Raises UsageError for a name that is hard to type on a command line."""
    if not re.fullmatch(r"\w[\w .:+@/-]{0,99}", name):
        raise UsageError(
            f"{name!r} cannot name a campaign",
            where="--name",
            fix="begin with a letter or digit; use at most 100 letters, digits and . : + @ / -",
        )


def default_name(space: Space, dataset: str, taken: list[str]) -> str:
    """`moe4-cifar10`, `moe4-cifar10-2`, …: the first free name."""
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{space.name}-{dataset.rsplit('/', 1)[-1]}")
    name, n = base, 1
    while name in taken:
        n += 1
        name = f"{base}-{n}"
    return name
