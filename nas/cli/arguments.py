"""Converts the options of `nas search`, `resume` and `confirm` to settings."""

from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import ValidationError

from nas.cli.consent import tell_of_analyses
from nas.cli.console import note
from nas.registry import EXECUTORS, SAMPLERS
from nas.schema import (
    CampaignConfig,
    DataConfig,
    SearchConfig,
    Space,
    UsageError,
    fault_of,
    parse_duration,
)

if TYPE_CHECKING:
    from nas.ledger.records import CampaignRecord

T = TypeVar("T", bound=DataConfig)

FROM_REPORT = "--from-report"


def config_of(kind: type[T], **values: Any) -> T:
    """A configuration of this class. Raises BadParameter, naming the option, for a bad value."""
    for option, registry in (("sampler", SAMPLERS), ("executor", EXECUTORS)):
        if values.get(option) is not None:
            registry.check(values[option])
    try:
        return kind(**values)
    except ValidationError as error:
        raise refused(error) from None


def config_in(row: "CampaignRecord", **changes: Any) -> CampaignConfig:
    """A recorded campaign's settings, with the given options replacing some of them."""
    return config_of(type(row.config), **row.config.model_dump() | changes)


_OPTIONS = {
    "budget_seconds": "--budget",
    "max_deaths": "--retries",
    "bank_bytes": "--max-size",
    "replicate": "--seed",
}
"""Options whose name differs from that of their setting."""


def refused(error: ValidationError) -> typer.BadParameter:
    """The error for an option whose value is outside its setting's bounds."""
    setting, problem = fault_of(error)
    option = _OPTIONS.get(setting, f"--{setting.replace('_', '-')}")
    return typer.BadParameter(problem, param_hint=option)


def advised(db: str, campaign: str, wishes: dict[str, str | None]) -> dict[str, str | None]:
    """`--prefer` and `--drop` as a campaign's report advises, which is printed.

    Raises BadParameter if `wishes` already has values for them.
    """
    from nas.ledger import Ledger
    from nas.results import recommended

    if any(wish is not None for wish in wishes.values()):
        raise typer.BadParameter(f"{FROM_REPORT} replaces --prefer and --drop")
    tell_of_analyses()
    plan = recommended(Ledger(db), campaign)
    note(f"Following the report of {campaign}: {plan.describe()}.")
    return {"prefer": ",".join(plan.prefer) or "none", "drop": ",".join(plan.drop) or "none"}


def names_of(families: str | None) -> tuple[str, ...]:
    """The families of `a,b`; none for `none`."""
    if families is None or families.strip() == "none":
        return ()
    names = {name.strip() for name in families.split(",") if name.strip()}
    if not names:
        raise UsageError(f"{families!r} names no family", fix="write vit,resnet, or none")
    return tuple(sorted(names))


def budget_of(text: str | None) -> float | None:
    """The working seconds that `--budget` allows a campaign; None if it was not given.

    Raises UsageError for text that is not a duration.
    """
    return parse_duration(text, "--budget") if text else None


def from_bank(space: Space, config: SearchConfig, bank: str, db: str) -> tuple[Space, SearchConfig]:
    """The space and the settings of a search whose experts come from a bank."""
    from nas.campaign.bank import families_of, find_bank, with_starts
    from nas.ledger import Ledger

    families_of(space)  # first, because no bank that could be filled would help
    name, hold_out = find_bank(Ledger(db), bank, space, config)
    changes = {"experts": name, "hold_out": hold_out, "controls": False}
    return with_starts(space), config.with_(**changes)
