"""Run as a process: a dashboard that keeps no answer, so that every request reads the ledger."""

import itertools
import sys
from contextlib import suppress

from nas.ledger import Ledger
from nas.report.dashboard import Dashboard

ages = itertools.count(0, 10**6)
with (
    suppress(KeyboardInterrupt),
    Dashboard(Ledger(sys.argv[1]), clock=lambda: next(ages)) as server,
):
    print(server.url, flush=True)  # noqa: T201
    server.serve_forever()
