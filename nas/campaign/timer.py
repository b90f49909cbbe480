"""Working time: what a budget is spent on. Stopped time is free."""

from nas.working_time import awake


class BudgetTimer:
    """Counts a campaign's working seconds: earlier ones, and this run's since its first trial."""

    def __init__(self, worked: float, budget: float | None) -> None:
        self._worked = worked
        self._budget = budget
        self._last: float | None = None
        self._unsaved = 0.0

    def start(self) -> None:
        """The first trial of this run begins; later calls do nothing."""
        if self._last is None:
            self._last = awake()

    def advance(self) -> None:
        """Takes in the time that has passed."""
        if self._last is not None:
            now = awake()
            self._worked += now - self._last
            self._unsaved += now - self._last
            self._last = now

    def adopt(self, total: float) -> None:
        """Takes over the ledger's sum, in which other drivers' time is counted too."""
        self._worked = total + self._unsaved

    def unsaved(self) -> float:
        """Working seconds since the last call of this: what to add to the ledger."""
        seconds, self._unsaved = self._unsaved, 0.0
        return seconds

    @property
    def worked(self) -> float:
        """Working seconds of the campaign, of all its drivers."""
        return self._worked

    @property
    def spent(self) -> bool:
        """True when the budget is used up."""
        return self._budget is not None and self._worked >= self._budget
