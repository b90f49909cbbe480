"""Processes of our own: started, talked to, stopped, cleared away, whatever becomes of them."""

from nas.processes.sandbox import Answer, Failure, Sandbox
from nas.processes.scratch import clear_left_behind

__all__ = ["Answer", "Failure", "Sandbox", "clear_left_behind"]
