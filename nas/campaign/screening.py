"""From a bank to a screen in the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from nas.campaign.bank import bank_of, held, wanted
from nas.campaign.config import CampaignConfig
from nas.ledger import Ledger
from nas.ledger.screens import put_screen
from nas.screen import Experts, Screened, load, screen, sets_of
from nas.screen.run import Watch
from nas.spec import ProblemError, Space


@dataclass(frozen=True)
class Made:
    """A screen that was recorded."""

    ident: int
    scored: int
    total: int
    missing: tuple[str, ...]
    """Members of the space that the bank has no expert of."""
    seconds: float


def screen_space(
    ledger: Ledger,
    space: Space,
    config: CampaignConfig,
    *,
    top: int,
    limit: int,
    watch: Watch = lambda *_: None,
) -> Made:
    """Scores every mixture of the space whose experts the bank has, and records the scores.

    Raises ProblemError where the bank has too few, or what it has cannot be read.
    """
    start = monotonic()
    experts = wanted(space, config)
    bank = bank_of(ledger)
    found = held(bank, experts)
    if not found:
        raise ProblemError(
            f"the bank has no expert of {space.name} trained like this on {config.dataset}",
            where=str(bank.folder),
            fix=f"train them with `nas bank {space.name} --dataset {config.dataset}`",
        )
    table = load(bank, list(found.values()))
    assert space.experts is not None
    sets = sets_of(table.families, space.experts.k, limit=limit, seed=config.seed)
    result = screen(table, sets, top=top, seed=config.seed, watch=watch)
    seconds = monotonic() - start
    ident = put_screen(
        ledger,
        space,
        {"top": top, "limit": limit, **config.model_dump(mode="json")},
        [
            {
                "key": entry.key,
                "family": entry.family,
                "model": entry.model,
                "val_acc": entry.val_acc,
                "seconds": entry.seconds,
            }
            for entry in table.entries
        ],
        _rows(table, result),
        total=sets.total,
        val_images=len(table.labels["val"]),
        test_images=len(table.labels["test"]),
        seconds=seconds,
    )
    missing = tuple(expert.model for expert in experts if expert.key not in found)
    return Made(ident, len(sets.members), sets.total, missing, seconds)


def _rows(table: Experts, result: Screened) -> Iterator[dict[str, Any]]:
    families, models = table.families, [entry.model for entry in table.entries]
    columns = {
        name: [None if value != value else value for value in values.tolist()]
        for name, values in result.columns.items()
    }
    for at, row in enumerate(np.asarray(result.members).tolist()):
        yield {
            "families": "+".join(families[e] for e in row),
            "members": "+".join(models[e] for e in row),
            **{name: values[at] for name, values in columns.items()},
        }
