"""A consistent, read-only view of a ledger at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from sqlalchemy.orm import Session

from nas.ledger.ledger import Ledger


class LedgerSnapshot(Ledger):
    """A read-only ledger whose sessions all share one transaction.

    Later writes of a running campaign are invisible, so tables never contradict each other.
    Readers do not block writers.
    """

    _session: Session | None = None

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Keeps the transaction open."""
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
