"""A second process for what takes long on a page: the audit, effects and synergies.

It is given DataFrames as they are read, so that all of a page is of one moment, and loads the
statistics' libraries meanwhile. It spares time and no more: what it does not answer is worked out
by whoever asked.
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
"""The audit's answer; any other name is an analysis'."""
_LOADED = ("nas.results.observed", "sklearn.linear_model")
"""What it will need, the heaviest first."""


class StatsProcess:
    """A context: leaving it ends the process."""

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
        self._sender.shutdown()  # what it is still sending fails
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.close()

    def ask(self, known: dict[str, Any], *wanted: str) -> None:
        """Hands over attributes of `nas.results.Frames`, `campaign` with the first, and asks for
        what can be answered from all that it has. Returns at once."""
        self._awaited.update(wanted)
        self._sender.submit(self._send, (known, wanted))

    def take(self, name: str) -> Any:
        """An answer that was asked for, once it is there; None where there is none."""
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
            self._process.kill()  # or `take` would wait for an answer to what was never asked


def main() -> None:
    """The second process: answers until there is nothing more to read."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what an analysis prints is no answer
    gc.disable()  # it would walk a growing heap again and again, and the process is short-lived
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

    # Its attributes are handed over; it has no ledger to read others from.
    return CampaignData(cast(Ledger, None), campaign)


def _answer(name: str, data: Any) -> Any:
    from nas.results import answer

    try:
        return data.verdict if name == VERDICT else answer(name, data)
    except Exception:  # who asked works it out, and finds what is wrong
        return None


if __name__ == "__main__":
    main()
