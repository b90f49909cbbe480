"""The published campaign, replayed, and the same 28 days with nas."""

from nas.replay.airnet import replay
from nas.replay.compare import Comparison, Row, Spread, compare
from nas.replay.simulated_nas import our_days
from nas.replay.simulation import Days
from nas.replay.text import note, plain, remarks, table

__all__ = [
    "Comparison",
    "Days",
    "Row",
    "Spread",
    "compare",
    "note",
    "our_days",
    "plain",
    "remarks",
    "replay",
    "table",
]
