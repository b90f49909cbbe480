"""Checks of option values beyond their types."""

from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path

import typer


def finite(value: float | None) -> float | None:
    """Callback of an option: refuses `nan` and `inf`, which the parser accepts as numbers."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def within(low: int, high: int | None = None) -> Callable[[int | None], int | None]:
    """Callback of an option: checks bounds that its help does not show."""

    def check(value: int | None) -> int | None:
        if value is not None and value < low:
            raise typer.BadParameter(f"{value:,} is less than {low}")
        if value is not None and high is not None and value > high:
            raise typer.BadParameter(f"{value:,} is more than {high:,}")
        return value

    return check


def writable(path: Path | None) -> Path | None:
    """Callback of an option: refuses a file that must not be overwritten, before anything is
    computed."""
    from nas.ledger.output_paths import check_output

    if path is not None:
        check_output(path)
    return path


def one_campaign(argument: str | None, option: str | None) -> str | None:
    """A campaign that may be given as an argument or an option. Raises BadParameter if they
    differ."""
    if argument is not None and option not in (None, argument):
        raise typer.BadParameter(
            f"it names {option}, but the argument names {argument}", param_hint="--campaign"
        )
    return option if argument is None else argument


def only_with(option: str, others: Mapping[str, object]) -> None:
    """Raises BadParameter for `others`, by name, which have no effect without an option."""
    for other, given in others.items():
        if given not in (None, False):
            raise typer.BadParameter(f"{other} goes with {option}")
