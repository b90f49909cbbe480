"""When an audit looks: after everything that happened, later on after a small part of it."""

SINGLY = 2048
"""Things after each of which it looks. From there on it looks once for so many as are"""
SHARE = 64
"""this part of those before: what is certain is seen 2 % later, and 100,000 things cost little more
than 10,000."""


def look_schedule(looked: int, waiting: int, step: int) -> list[int]:
    """After how many of those that wait the next looks are due, for about `step` of them in all.

    `looked`: how many things were looked at before. It does not matter in what portions they come.
    """
    found, at = [], 0
    while at < step:
        before = looked + at
        at += 1 if before < SINGLY else before // SHARE
        if at > waiting:
            break
        found.append(at)
    return found
