"""How fast a trained model answers, in a process with nothing else to do."""

import safetensors.torch
import torch

from nas.compute import Compute, open_device
from nas.measure.timing import latency
from nas.schema import Candidate
from nas.train import load_model


def measure_latency(
    candidate: Candidate, code: str, weights: str, num_classes: int, device: str, precision: str
) -> dict[int, float]:
    """Median seconds of one forward pass by batch size, of a candidate's rendered code with the
    weights in a file, on one thread. Raises whatever building, loading and running it raises."""
    torch.set_num_threads(1)
    where = torch.device("cuda:0" if device == "cuda" else device)
    open_device(where)
    model = load_model(code, num_classes)
    safetensors.torch.load_model(model, weights)
    compute = Compute(where, precision)
    shape = (candidate.channels, candidate.image_size, candidate.image_size)
    return latency(compute.place(model), shape, compute)
