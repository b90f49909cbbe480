"""What a template adds to its experts, counted where its code can do no harm."""

from collections.abc import Callable
from dataclasses import asdict

import nas
from nas.measure import NO_OVERHEAD, Overhead
from nas.measure.versions import torch_version
from nas.processes import Answer, Sandbox
from nas.user_cache import keep, recall

COUNT = "nas.measure.gate:overhead"
"""Imported where it runs: it needs torch."""
GATE_SECONDS = 20.0
"""How long a template's code may take: shorter than the lease of what runs meanwhile."""
KIND = "gates"


class GateCostProbe:
    """Calls `nas.measure.gate.overhead` in a killable child, which lives as long as this.

    What was counted of a template is kept in the user's cache. One that cannot be counted counts as
    nothing and is told of: its candidate goes on to a worker, where what is wrong with it is
    recorded as its own failure.
    """

    def __init__(
        self, sandbox: Sandbox, say: Callable[[str], None], *, seconds: float | None = None
    ) -> None:
        """`seconds`: how long a template's code may take, where it is not GATE_SECONDS."""
        self._sandbox = sandbox
        self._say = say
        self._seconds = seconds

    def __call__(
        self, code: str, image_size: int, channels: int, gate: tuple[object, ...] = ()
    ) -> Overhead:
        """`gate`: what of a candidate its gate depends on, in plain data; where nothing is given,
        that is all of the code."""
        key = [nas.__version__, torch_version(), image_size, channels, list(gate) or code]
        if (known := _overhead_in(recall(KIND, key))) is not None:
            return known
        answer: Answer[Overhead] = self._sandbox.call(
            COUNT, code, image_size, channels, timeout=self._seconds or GATE_SECONDS
        )
        if answer.ok:
            keep(KIND, key, asdict(answer.value))
            return answer.value
        self._say(f"a template's gate cannot be counted: {answer.problem}")
        return NO_OVERHEAD


def _overhead_in(kept: object) -> Overhead | None:
    match kept:
        case {"params": int(params), "macs": int(macs), "saved_bytes": int(saved)}:
            return Overhead(params, macs, saved)
    return None
