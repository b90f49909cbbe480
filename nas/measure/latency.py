"""Latency of a trained candidate, measured in a process without other work."""

from nas.measure.timing import latency
from nas.schema import Candidate
from nas.trained.model import opened, trained_model


def measure_latency(
    candidate: Candidate, code: str, weights: str, num_classes: int, device: str, precision: str
) -> dict[int, float]:
    """Median seconds of one forward pass by batch size, for a candidate's rendered code with the
    weights in a file, on one thread. Exceptions of building, loading and running it pass."""
    compute = opened(device, precision)
    model = trained_model(code, weights, num_classes, compute)
    return latency(model, (candidate.channels, candidate.image_size, candidate.image_size), compute)
