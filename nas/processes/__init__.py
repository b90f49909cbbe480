"""Child processes: start, communicate, stop, and clean up after any kind of end."""

from nas.processes.sandbox import Answer, Failure, Sandbox
from nas.processes.scratch import clear_left_behind

__all__ = ["Answer", "Failure", "Sandbox", "clear_left_behind"]
