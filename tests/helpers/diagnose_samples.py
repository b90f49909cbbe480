"""Trained models for instruments, and instruments that fail."""

import os
import signal
import time
from dataclasses import replace

from train_samples import LAYERS, MIXTURE, SINGLE, TOP_1

from nas.diagnose.examining import Finding, TrainedCandidate
from nas.diagnose.examining import examine as really
from nas.diagnose.explaining import OTHER_WORK

_DOMAINS = 'self.register_buffer("class_domain", torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, -1]))'
DOMAINS = MIXTURE.replace("self.k = k\n", f"self.k = k\n        {_DOMAINS}\n")
"""The soft mixture, each expert meant for three of the ten classes."""

SOURCES = {"plain": SINGLE, "soft": MIXTURE, "top1": TOP_1, "layers": LAYERS, "domains": DOMAINS}
LAYER_NAMES = {
    "plain": [],
    "soft": ["gate"],
    "top1": ["gate"],
    "layers": ["first", "second"],
    "domains": ["gate"],
}


def dies_in_latency(name: str, trained: TrainedCandidate) -> Finding:
    """As `examine`, in a process that is killed in one instrument."""
    if name == "latency":
        os.kill(os.getpid(), signal.SIGKILL)
    return really(name, trained)


def hangs_in_latency(name: str, trained: TrainedCandidate) -> Finding:
    """As `examine`, but one instrument never ends."""
    if name == "latency":
        time.sleep(3600)
    return really(name, trained)


def on_a_busy_machine(name: str, trained: TrainedCandidate) -> Finding:
    """As `examine`, where other programs use half of the CPUs."""
    finding = really(name, trained)
    if OTHER_WORK not in finding.figures:
        return finding
    return replace(finding, figures=finding.figures | {OTHER_WORK: 0.5})
