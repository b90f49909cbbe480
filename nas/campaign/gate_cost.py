"""What a template adds to its experts, counted where its code can do no harm."""

from collections.abc import Callable

from nas.measure import NO_OVERHEAD, Overhead, overhead
from nas.processes import Sandbox

GATE_SECONDS = 20.0
"""How long a template's code may take: shorter than the lease of what runs meanwhile."""


class GateCostProbe:
    """Calls `nas.measure.overhead` in a killable child, which lives as long as this.

    A template that cannot be counted counts as nothing and is told of: its candidate goes on to a
    worker, where what is wrong with it is recorded as its own failure.
    """

    def __init__(
        self, sandbox: Sandbox, say: Callable[[str], None], *, seconds: float | None = None
    ) -> None:
        """`seconds`: how long a template's code may take, where it is not GATE_SECONDS."""
        self._sandbox = sandbox
        self._say = say
        self._seconds = seconds

    def __call__(self, code: str, image_size: int, channels: int) -> Overhead:
        answer = self._sandbox.call(
            overhead, code, image_size, channels, timeout=self._seconds or GATE_SECONDS
        )
        if answer.ok:
            return answer.value
        self._say(f"a template's gate cannot be counted: {answer.problem}")
        return NO_OVERHEAD
