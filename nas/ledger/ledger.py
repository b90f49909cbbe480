"""`nas.Ledger`: a ledger with its tidy tables for pandas."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from nas.ledger.base import LedgerBase

if TYPE_CHECKING:
    import pandas as pd


class Ledger(LedgerBase):
    """As LedgerBase; `nas.ledger.frames` documents the columns and their units."""

    def campaigns(self) -> "pd.DataFrame":
        """One row a campaign."""
        from nas.ledger import frames  # pandas takes a while

        return frames.campaigns(self)

    def candidates(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row a candidate, of one campaign or of all."""
        from nas.ledger import frames

        return frames.candidates(self, campaign)

    def attempts(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row an attempt, with its candidate's columns."""
        from nas.ledger import frames

        return frames.attempts(self, campaign)

    def epochs(
        self, campaign: str | None = None, columns: Collection[str] | None = None
    ) -> "pd.DataFrame":
        """One row an epoch of an attempt; only some columns, where they are named."""
        from nas.ledger import frames

        return frames.epochs(self, campaign, columns)

    def experts(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row an expert inside a finished mixture."""
        from nas.ledger import frames

        return frames.experts(self, campaign)

    def probes(self) -> "pd.DataFrame":
        """One row a cached probe."""
        from nas.ledger import frames

        return frames.probes(self)

    def events(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row an event: benchings."""
        from nas.ledger import frames

        return frames.events(self, campaign)
