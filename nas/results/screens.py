"""The screen that an analysis reads."""

from typing import TYPE_CHECKING

from nas.ledger.records import ScreenRecord
from nas.ledger.screens import screen_of, screened
from nas.results.campaign_tables import CampaignTables

if TYPE_CHECKING:
    import pandas as pd


def screen_in(data: CampaignTables) -> ScreenRecord:
    """The screen asked about: the one that was named, or that the named campaign was drawn from;
    where neither was named, the latest.

    Raises ProblemError where there is none.
    """
    if data.named or data.screen is not None:
        return data.screened_by
    return screen_of(data.ledger)


def screen(data: CampaignTables) -> "tuple[pd.DataFrame, str]":
    """Every mixture of `screen_in`, and what a reader must know of it. Raises as that does."""
    found = screen_in(data)
    rows = screened(data.ledger, found.id)
    kind = "tuned experts" if found.config.from_bank else "experts"
    of = f"{found.space.name} on {found.config.dataset}"
    note = f"screen {found.id}: {len(found.experts)} {kind} of {of}"
    left_out = found.left_out
    if len(rows) + left_out < found.total:
        drawn = len(rows) + left_out
        note += f"; {drawn:,} of {found.total:,} mixtures, drawn uniformly"
    if left_out:
        note += f"; {left_out:,} left out as too large or too slow"
    best = rows["uniform"].max()
    noise = (best * (1 - best) / found.val_images) ** 0.5
    note += (
        f"; on {found.val_images:,} validation images an accuracy like the best one's has a"
        f" standard error of {100 * noise:.2f} points"
    )
    return rows, note
