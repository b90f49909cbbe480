"""A ledger as it is at one moment: all that a page shows is read in one transaction, and once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from nas.analyse import Frames, answer
from nas.ledger import Ledger

if TYPE_CHECKING:
    import pandas as pd


class Snapshot(Ledger):
    """A read-only ledger whose sessions are all the same transaction.

    What a running campaign writes meanwhile is not seen, so no table contradicts another, and
    each DataFrame is read once however many analyses ask for it. Readers do not block writers.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger.url)
        self._session: Session | None = None
        self._read: dict[tuple[str, str | None], pd.DataFrame] = {}
        self._frames: dict[str, Frames] = {}

    @contextmanager
    def open(self) -> Iterator["Snapshot"]:
        """Holds the transaction."""
        try:
            with super().session() as self._session:
                yield self
        finally:
            self._session = None
            self.close()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The snapshot's own transaction."""
        assert self._session is not None, "open() holds it"
        yield self._session

    def frames(self, campaign: str) -> Frames:
        """What the analyses of a campaign share."""
        if campaign not in self._frames:
            self._frames[campaign] = Frames(self, campaign)
        return self._frames[campaign]

    def table(self, name: str, campaign: str) -> "pd.DataFrame":
        """An analysis' answer: see nas.table."""
        return answer(name, self.frames(campaign))

    def candidates(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("candidates", campaign, super().candidates)

    def attempts(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("attempts", campaign, super().attempts)

    def epochs(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("epochs", campaign, super().epochs)

    def experts(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("experts", campaign, super().experts)

    def events(self, campaign: str | None = None) -> "pd.DataFrame":
        return self._once("events", campaign, super().events)

    def _once(
        self, name: str, campaign: str | None, read: Callable[[str | None], "pd.DataFrame"]
    ) -> "pd.DataFrame":
        if (name, campaign) not in self._read:
            self._read[name, campaign] = read(campaign)
        return self._read[name, campaign].copy(deep=False)  # an analysis may add columns to its own
