"""Reads a ledger in one transaction, so that all of a page shows one moment."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from nas.ledger import Ledger
from nas.ledger.snapshot import LedgerSnapshot
from nas.report.stats_process import VERDICT, StatsProcess
from nas.results import CampaignData, answer

if TYPE_CHECKING:
    import pandas as pd

    from nas.stats import AuditResult

EPOCHS = frozenset(
    {
        *("candidate", "epoch", "images_per_second"),
        *("val_acc", "train_acc", "val_loss", "train_loss"),
    }
)
"""The columns of epochs that the page needs; others are not read, because epochs are many rows."""


class Snapshot(LedgerSnapshot):
    """A snapshot of a ledger that reads each DataFrame once, however many analyses use it."""

    def __init__(self, ledger: Ledger, stats: StatsProcess | None = None) -> None:
        """`stats`: a second process from which results are taken if it has computed them."""
        super().__init__(ledger.url)
        self._stats = stats
        self._read: dict[tuple[str, str | None], pd.DataFrame] = {}
        self._data: dict[str, CampaignData] = {}

    def data(self, campaign: str) -> CampaignData:
        """The data of a campaign, shared by its analyses."""
        if campaign not in self._data:
            self._data[campaign] = CampaignData(self, campaign)
        return self._data[campaign]

    def table(self, name: str, campaign: str) -> "pd.DataFrame":
        """The DataFrame of an analysis; see nas.table."""
        found: pd.DataFrame | None = self._stats.take(name) if self._stats else None
        return answer(name, self.data(campaign)) if found is None else found

    def verdict(self, campaign: str) -> "AuditResult":
        """The audit of the campaign's draws."""
        found: AuditResult | None = self._stats.take(VERDICT) if self._stats else None
        return self.data(campaign).verdict if found is None else found

    def start_stats(self, campaign: str) -> None:
        """Reads the campaign's tables and requests the slow statistics from the second process,
        each as soon as its inputs are read."""
        if self._stats is None:
            return
        data = self.data(campaign)

        def some(*names: str) -> dict[str, Any]:
            return {name: getattr(data, name) for name in names}

        start = {"campaign": campaign, **some("space", "config", "candidates", "events")}
        self._stats.ask(start, VERDICT)
        self._stats.ask(some("attempts", "accuracies", "inputs"), "failing", "cooccurrence")
        self._stats.ask(some("experts"), "family_yield")

    def candidates(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("candidates", campaign, super().candidates)

    def attempts(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("attempts", campaign, super().attempts)

    def epochs(
        self, campaign: str | None = None, columns: Collection[str] | None = None
    ) -> "pd.DataFrame":
        if columns is None or not EPOCHS.issuperset(columns):
            return self._once("epochs", campaign, super().epochs)
        of = super().epochs
        return self._once("some epochs", campaign, lambda name: of(name, EPOCHS))

    def experts(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("experts", campaign, super().experts)

    def events(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("events", campaign, super().events)

    def _once(
        self, name: str, campaign: str | None, read: Callable[[str | None], "pd.DataFrame"]
    ) -> "pd.DataFrame":
        if (name, campaign) not in self._read:
            self._read[name, campaign] = read(campaign)
        return self._read[name, campaign].copy(deep=False)  # an analysis may add columns
