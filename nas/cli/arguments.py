"""What the options of `nas search`, `resume` and `confirm` mean."""

import os
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
from nas.schema.scores import CORRECTED

if TYPE_CHECKING:
    from nas.ledger.records import CampaignRecord

T = TypeVar("T", bound=DataConfig)

FROM_REPORT = "--from-report"


def config_of(kind: type[T], **values: Any) -> T:
    """A configuration of one kind; BadParameter names the option whose value it refuses."""
    for option, registry in (("sampler", SAMPLERS), ("executor", EXECUTORS)):
        if values.get(option) is not None:
            registry.check(values[option])
    try:
        return kind(**values)
    except ValidationError as error:
        raise _refused(error) from None


def config_in(row: "CampaignRecord", **changes: Any) -> CampaignConfig:
    """A recorded campaign's settings, some of them replaced by options that were given."""

    return config_of(type(row.config), **row.config.model_dump() | changes)


_OPTIONS = {
    "budget_seconds": "--budget",
    "max_deaths": "--retries",
    "bank_bytes": "--max-size",
    "replicate": "--seed",
}
"""Options that have another name than the setting they give."""


def _refused(error: ValidationError) -> typer.BadParameter:
    """A value that an option may not have, by the bounds of what it sets."""
    setting, problem = fault_of(error)
    option = _OPTIONS.get(setting, f"--{setting.replace('_', '-')}")
    return typer.BadParameter(problem, param_hint=option)


def time_limit_of(time_limit: str) -> float | None:
    return None if time_limit == "none" else parse_duration(time_limit, "--time-limit")


def log_of(name: str | None) -> str | None:
    return None if name == "none" else name


def advised(db: str, campaign: str, wishes: dict[str, str | None]) -> dict[str, str | None]:
    """The wishes that a campaign's report recommends, said aloud."""
    from nas.ledger import Ledger
    from nas.results import recommended

    if any(wish is not None for wish in wishes.values()):
        raise typer.BadParameter(f"{FROM_REPORT} takes the place of --prefer and --drop")
    tell_of_analyses()
    plan = recommended(Ledger(db), campaign)
    note(f"As the report of {campaign} advises: {plan.describe()}.")
    return {"prefer": ",".join(plan.prefer) or "none", "drop": ",".join(plan.drop) or "none"}


def names_of(families: str | None) -> tuple[str, ...]:
    """The families of `a,b`; none for `none`."""
    if families is None or families.strip() == "none":
        return ()
    return tuple(sorted({name.strip() for name in families.split(",") if name.strip()}))


def budget_of(text: str | None) -> float | None:
    return parse_duration(text, "--budget") if text else None


def warm(space: Space, config: SearchConfig, bank: str, db: str) -> tuple[Space, SearchConfig]:
    """The space and the settings of a search whose experts come from a bank."""
    from nas.campaign.bank import find_bank, with_starts
    from nas.ledger import Ledger

    name, hold_out = find_bank(Ledger(db), bank, space, config)
    changes = {"experts": name, "hold_out": hold_out, "controls": False}
    return with_starts(space), config.with_(**changes)


def from_screen(space: Space, config: SearchConfig, top: int, by: str, db: str) -> SearchConfig:
    """The settings of a search that trains a screen's best, with a control sample beside them."""
    from nas.campaign.screen import find_screen
    from nas.ledger import Ledger
    from nas.ledger.screens import best_screened, screen_of
    from nas.sample import SurrogateSampler, TopKWithControls

    ledger = Ledger(db)
    ident = find_screen(ledger, space, config)
    scored = best_screened(ledger, ident, "uniform" if by == CORRECTED else by, top)
    if len(scored) < top:
        few = "mixture has" if len(scored) == 1 else "mixtures have"
        raise UsageError(
            f"only {len(scored):,} {few} what screen {ident} would choose {top:,} by: {by}",
            where=f"--from-screen {top}",
            fix="ask for fewer, or give `nas screen` a larger --top, or choose --by uniform",
        )
    chosen_screen = screen_of(ledger, ident)
    kind = "tuned experts" if chosen_screen.config.from_bank else "experts"
    note(f"From screen {ident}, of {len(chosen_screen.experts)} {kind}.")
    sampler = SurrogateSampler.name if by == CORRECTED else TopKWithControls.name
    changes: dict[str, Any] = {"sampler": sampler, "screen": ident, "top": top, "by": by}
    if config.trials is None and config.budget_seconds is None:
        changes["trials"] = 2 * top
    return config.with_(**changes)


def adjusted(
    name: str, settings: list[str] | None, image_size: int | None, recipe: dict[str, Any]
) -> Space:
    """The space of this name, with what was typed in place of some of its settings."""
    from nas.space import load
    from nas.space.settings import parse_settings, with_settings

    space = with_settings(load(name), parse_settings(settings))
    if image_size is not None:
        space = with_settings(space, {"image_size": image_size}, where="--image-size")
    try:
        return space.with_(recipe=space.recipe.with_(**recipe))
    except ValidationError as error:
        raise _refused(error) from None


WORKERS_PER_GPU = 8
"""Simulated, with 60 % of all trials on an eighth of a GPU or less: 4 fill 68 % of it, 8 fill 75 %,
and 16 no more. Each is mostly busy launching kernels, so more want more cores too."""
WORKER_BYTES = 3 * 2**30
"""What a worker on a GPU takes of the machine's own memory, about: torch, CUDA's libraries, its
data set."""


def default_workers(gpus: int) -> int:
    """One a CPU; with GPUs as many as keep them full, if there are the CPUs and the memory, and one
    a GPU at least."""
    affinity = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1
    if not gpus:
        return cpus
    import psutil

    memory = psutil.virtual_memory().total // WORKER_BYTES
    return max(gpus, min(WORKERS_PER_GPU * gpus, cpus, memory))
