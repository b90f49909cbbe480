"""The published campaign, replayed, and the same 28 days with nas."""

from nas.replay.airnet import simulate_published
from nas.replay.compare import Comparison, Row, Spread, compare
from nas.replay.simulated_nas import simulate_nas
from nas.replay.simulation import SimulatedCampaign
from nas.replay.text import note, plain, remarks, table

__all__ = [
    "Comparison",
    "Row",
    "SimulatedCampaign",
    "Spread",
    "compare",
    "note",
    "plain",
    "remarks",
    "simulate_nas",
    "simulate_published",
    "table",
]
