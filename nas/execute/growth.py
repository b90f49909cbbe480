"""When a process that has run many trials is replaced: it keeps a little of each.

Libraries below hold on to what belongs to shapes that they have seen, and each candidate has other
ones: some megabytes a network, gigabytes in a long campaign.
"""

import psutil

MOST_BYTES = 512 * 2**20
SHARE = 1 / 16
"""Of the machine's memory, for all workers together."""


def allowance(workers: int) -> int:
    """Bytes that one of so many workers may have grown by, after its first trial."""
    return min(MOST_BYTES, int(SHARE * psutil.virtual_memory().total / workers))


class Growth:
    """How much a process has grown since the end of its first trial."""

    def __init__(self) -> None:
        self._first: int | None = None

    def after_trial(self, pid: int) -> int:
        """Bytes, of the process's resident memory; to be asked at the end of each trial."""
        try:
            now: int = psutil.Process(pid).memory_info().rss
        except psutil.Error:  # it has just ended, or is nobody's to look at
            return 0
        if self._first is None:
            self._first = now
        return now - self._first
