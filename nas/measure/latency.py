"""Latency of a trained candidate, measured in a process without other work."""

import safetensors.torch
import torch

from nas.compute import Compute, open_device
from nas.measure.timing import latency
from nas.schema import Candidate
from nas.train import load_model


def measure_latency(
    candidate: Candidate, code: str, weights: str, num_classes: int, device: str, precision: str
) -> dict[int, float]:
    """Median seconds of one forward pass by batch size, for a candidate's rendered code with the
    weights in a file, on one thread. Exceptions of building, loading and running it pass."""
    torch.set_num_threads(1)
    where = torch.device("cuda:0" if device == "cuda" else device)
    open_device(where)
    model = load_model(code, num_classes)
    safetensors.torch.load_model(model, weights)
    compute = Compute(where, precision)
    shape = (candidate.channels, candidate.image_size, candidate.image_size)
    return latency(compute.place(model), shape, compute)
