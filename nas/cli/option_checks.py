"""What an option refuses, beyond what its type does."""

from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path

import typer


def finite(value: float | None) -> float | None:
    """Of an option: refuses `nan` and `inf`, which are numbers to the parser."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def within(low: int, high: int | None = None) -> Callable[[int | None], int | None]:
    """Of an option: bounds that help does not have to spell out beside each number."""

    def check(value: int | None) -> int | None:
        if value is not None and not low <= value <= (value if high is None else high):
            most = "" if high is None else f" and at most {high:,}"
            raise typer.BadParameter(f"{value} is not at least {low}{most}")
        return value

    return check


def writable(path: Path | None) -> Path | None:
    """Of an option: refuses what may not be written over before anything is worked out for it."""
    from nas.ledger.output_paths import check_output

    if path is not None:
        check_output(path)
    return path


def one_campaign(argument: str | None, option: str | None) -> str | None:
    """A campaign that may be typed in two places; UsageError where they name two."""
    if argument is not None and option not in (None, argument):
        raise typer.BadParameter(
            f"it names {option}, and before it stands {argument}", param_hint="--campaign"
        )
    return option if argument is None else argument


def only_with(option: str, others: Mapping[str, object]) -> None:
    """Refuses others, by name, that say nothing where an option was not given."""
    for other, given in others.items():
        if given not in (None, False):
            raise typer.BadParameter(f"{other} goes with {option}")
