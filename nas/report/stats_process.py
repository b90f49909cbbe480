"""A second process that computes a page's slow statistics: the audit, effects and synergies.

It receives the DataFrames that the page has read, so that all of a page shows one moment, and
imports the statistics libraries meanwhile. It only saves time: results that it does not return are
computed by the caller.
"""

import gc
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import IO, Any, Self, cast

from nas.import_path import cwd_left_out

VERDICT = "verdict"
"""Name of the audit's result; any other name is that of an analysis."""
_LOADED = ("nas.results.observed", "sklearn.linear_model")
"""Modules that it imports at its start, the slowest first."""


class StatsProcess:
    """Context manager; leaving it ends the process."""

    def __init__(self) -> None:
        with cwd_left_out():
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        self._sender = ThreadPoolExecutor(1)
        self._awaited: set[str] = set()
        self._answers: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._sender.shutdown()  # a message that is being sent fails
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.close()

    def ask(self, known: dict[str, Any], *wanted: str) -> None:
        """Sends attributes of `nas.results.CampaignData`, with the first call also `campaign`, and
        requests the results `wanted`, which must be computable from all attributes sent so far.
        Returns at once."""
        self._awaited.update(wanted)
        self._sender.submit(self._send, (known, wanted))

    def take(self, name: str) -> Any:
        """Waits for a requested result; None if it was not requested or could not be computed."""
        while name in self._awaited:
            try:
                answered, value = pickle.load(self._pipes[1])
            except (EOFError, OSError, pickle.UnpicklingError):  # it died
                self._awaited.clear()
                break
            self._awaited.discard(answered)
            self._answers[answered] = value
        return self._answers.get(name)

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin
        assert self._process.stdout
        return self._process.stdin, self._process.stdout

    def _send(self, message: tuple[dict[str, Any], tuple[str, ...]]) -> None:
        try:
            whole = pickle.dumps(message, protocol=5)
            self._pipes[0].write(whole)
            self._pipes[0].flush()
        except Exception:
            self._process.kill()  # `take` would otherwise wait for ever


def main() -> None:
    """The second process: answers requests until its input ends."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # keeps an analysis's prints out of the answers
    gc.disable()  # the heap only grows, and the process is short-lived
    for module in _LOADED:
        import_module(module)
    given = None
    while True:
        try:
            known, wanted = pickle.load(questions)
        except EOFError:
            return
        given = given or _given(known.pop("campaign"))
        given.__dict__.update(known)
        for name in wanted:
            pickle.dump((name, _answer(name, given)), answers, protocol=5)
            answers.flush()


def _given(campaign: str) -> Any:
    from nas.ledger import Ledger
    from nas.results import CampaignData

    # Its attributes are set by messages; it has no ledger.
    return CampaignData(cast(Ledger, None), campaign)


def _answer(name: str, data: Any) -> Any:
    from nas.results import answer

    try:
        return data.verdict if name == VERDICT else answer(name, data)
    except Exception:  # the caller computes it again and reports the error
        return None


if __name__ == "__main__":
    main()
