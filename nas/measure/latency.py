"""Latency of a trained candidate, measured in a process without other work."""

from nas.measure.other_work import OtherWork, other_work
from nas.measure.timing import latency
from nas.schema import Candidate
from nas.trained.model import opened, trained_model


def measure_latency(
    candidate: Candidate, code: str, weights: str, num_classes: int, device: str, precision: str
) -> tuple[dict[int, float], OtherWork]:
    """Median seconds of one forward pass by batch size, for a candidate's rendered code with the
    weights in a file, on one thread; and how busy other programs kept the machine. Exceptions of
    building, loading and running it pass."""
    compute = opened(device, precision)
    model = trained_model(code, weights, num_classes, compute)
    shape = (candidate.channels, candidate.image_size, candidate.image_size)
    with other_work() as others:
        found = latency(model, shape, compute)
    return found, others
