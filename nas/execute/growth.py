"""Memory growth of worker processes, and the limit at which one is replaced.

Libraries cache data for each tensor shape, and each candidate has new shapes: some megabytes per
network, gigabytes in a long campaign.
"""

import psutil

MOST_BYTES = 512 * 2**20
SHARE = 1 / 16
"""Share of the machine's memory for all workers together."""


def allowance(workers: int) -> int:
    """Bytes by which one of `workers` workers may grow after its first trial."""
    return min(MOST_BYTES, int(SHARE * psutil.virtual_memory().total / workers))


class Growth:
    """A process's growth since the end of its first trial."""

    def __init__(self) -> None:
        self._first: int | None = None

    def after_trial(self, pid: int) -> int:
        """Growth of the process's resident memory in bytes. Call it at the end of each trial."""
        try:
            now: int = psutil.Process(pid).memory_info().rss
        except psutil.Error:  # it has just ended, or access is denied
            return 0
        if self._first is None:
            self._first = now
        return now - self._first
