"""Measures what a template adds to its experts, in a process that may crash."""

from collections.abc import Callable
from dataclasses import asdict

import nas
from nas.measure import NO_OVERHEAD, Overhead
from nas.measure.versions import torch_version
from nas.processes import Answer, Sandbox
from nas.user_cache import keep, recall

COUNT = "nas.measure.gate:overhead"
"""Imported only in the process that runs it, because it needs torch."""
GATE_SECONDS = 20.0
"""Time limit for a template's code: shorter than the leases of running trials."""
KIND = "gates"


class GateCostProbe:
    """Measures how many parameters, MACs and bytes a template adds to its experts.

    The rendered code runs in the sandbox's process, since it may crash, and results are kept in the
    user's cache. If it cannot be measured, a gate counts as nothing, and a whole model's cost is
    unknown, with a message: the candidate then fails in its worker, where that is recorded.
    """

    def __init__(
        self, sandbox: Sandbox, on_message: Callable[[str], None], *, seconds: float | None = None
    ) -> None:
        """`seconds`: time limit for a template's code; None for GATE_SECONDS."""
        self._sandbox = sandbox
        self._on_message = on_message
        self._seconds = seconds

    def __call__(
        self,
        code: str,
        image_size: int,
        channels: int,
        gate: tuple[object, ...] = (),
        classes: int = 0,
    ) -> Overhead | None:
        """Parameters, MACs and saved bytes that the template adds; with `classes`, those of the
        whole model, and its active MACs. `gate`: plain data that identifies a candidate's gate in
        the cache; if empty, the code does."""
        key = [nas.__version__, torch_version(), image_size, channels, list(gate) or code]
        key += [classes] if classes else []
        if (known := _overhead_in(recall(KIND, key))) is not None:
            return known
        answer: Answer[Overhead] = self._sandbox.call(
            COUNT, code, image_size, channels, classes, timeout=self._seconds or GATE_SECONDS
        )
        if answer.ok:
            keep(KIND, key, asdict(answer.value))
            return answer.value
        what = "model" if classes else "gate"
        self._on_message(f"the cost of a template's {what} cannot be computed: {answer.problem}")
        return None if classes else NO_OVERHEAD


def _overhead_in(kept: object) -> Overhead | None:
    match kept:
        case {
            "params": int(params),
            "macs": int(macs),
            "saved_bytes": int(saved),
            "active_macs": int() | None as active,
        }:
            return Overhead(params, macs, saved, active)
    return None
