"""`nas.Ledger`: a ledger with tidy tables for pandas."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from nas.ledger.base import LedgerBase

if TYPE_CHECKING:
    import pandas as pd


class Ledger(LedgerBase):
    """A ledger with DataFrames; `nas.ledger.frames` and `nas.ledger.figure_frames` document their
    columns and units."""

    def campaigns(self) -> "pd.DataFrame":
        """One row per campaign."""
        from nas.ledger import frames  # importing pandas is slow

        return frames.campaigns(self)

    def candidates(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row per candidate, of one campaign or of all."""
        from nas.ledger import frames

        return frames.candidates(self, campaign)

    def attempts(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row per attempt, with its candidate's columns."""
        from nas.ledger import frames

        return frames.attempts(self, campaign)

    def epochs(
        self, campaign: str | None = None, columns: Collection[str] | None = None
    ) -> "pd.DataFrame":
        """One row per epoch of an attempt; only the named `columns`, if given."""
        from nas.ledger import frames

        return frames.epochs(self, campaign, columns)

    def metrics(
        self,
        campaign: str | None = None,
        *,
        last_epoch: bool = False,
        names: Collection[str] | None = None,
    ) -> "pd.DataFrame":
        """One row per metric of an epoch; with `last_epoch`, of each attempt's last one alone; only
        those in `names`, if given."""
        from nas.ledger import figure_frames

        return figure_frames.metrics(self, campaign, last_epoch=last_epoch, names=names)

    def training_events(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row per event of a training."""
        from nas.ledger import figure_frames

        return figure_frames.training_events(self, campaign)

    def diagnostics(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row per figure that an instrument of `nas diagnose` found."""
        from nas.ledger import figure_frames

        return figure_frames.diagnostics(self, campaign)

    def experts(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row per expert inside a finished mixture."""
        from nas.ledger import frames

        return frames.experts(self, campaign)

    def probes(self) -> "pd.DataFrame":
        """One row per cached member profile."""
        from nas.ledger import frames

        return frames.probes(self)

    def events(self, campaign: str | None = None) -> "pd.DataFrame":
        """One row per event."""
        from nas.ledger import frames

        return frames.events(self, campaign)
