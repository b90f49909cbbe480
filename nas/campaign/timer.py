"""Counts working time against the budget. Time in which the process was stopped does not count."""

from nas.working_time import awake


class BudgetTimer:
    """Counts a campaign's working seconds: those of earlier runs, and of this one since its first
    trial."""

    def __init__(self, worked: float, budget: float | None) -> None:
        self._worked = worked
        self._budget = budget
        self._last: float | None = None
        self._unsaved = 0.0

    def start(self) -> None:
        """Starts the clock at this run's first trial; later calls do nothing."""
        if self._last is None:
            self._last = awake()

    def advance(self) -> None:
        """Adds the time since the last call."""
        if self._last is not None:
            now = awake()
            self._worked += now - self._last
            self._unsaved += now - self._last
            self._last = now

    def adopt(self, total: float) -> None:
        """Replaces the recorded total by the ledger's, which includes other drivers' time."""
        self._worked = total + self._unsaved

    def unsaved(self) -> float:
        """Working seconds since the last call of this method, to be added to the ledger."""
        seconds, self._unsaved = self._unsaved, 0.0
        return seconds

    @property
    def worked(self) -> float:
        """Working seconds of the campaign, of all its drivers."""
        return self._worked

    @property
    def spent(self) -> bool:
        """Whether the budget is used up."""
        return self._budget is not None and self._worked >= self._budget
