"""Elementary symmetric polynomials: the number of ways to choose members of k different families.

e_r of sizes w is the coefficient of x^r in the product of all (1 + w·x): the sum, over all sets of
r families, of the product of their sizes. All integers are Python's, exact at any size.
"""

from collections.abc import Sequence


def symmetric(sizes: Sequence[int], k: int) -> list[int]:
    """e_0 … e_k."""
    found = [1] + [0] * k
    for size in sizes:
        found = times(found, size)
    return found


def times(polynomials: Sequence[int], size: int) -> list[int]:
    """The polynomials with one more family: e_r + w · e_{r−1}."""
    lower = (0, *polynomials)
    return [e + size * below for e, below in zip(polynomials, lower, strict=False)]


def divided(polynomials: Sequence[int], size: int) -> list[int]:
    """The polynomials without one of the families: e_r − w · e_{r−1}(the others)."""
    found: list[int] = []
    for e in polynomials:
        found.append(e - size * (found[-1] if found else 0))
    return found
