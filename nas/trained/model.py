"""A trained candidate's model, in a process that measures it."""

from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import nn

from nas.compute import Compute, open_device
from nas.train import load_model


def opened(device: str, precision: str) -> Compute:
    """The device (`cpu`, `cuda`) in a precision, prepared for this process to work on alone; on a
    CPU with one thread, as trials have."""
    torch.set_num_threads(1)
    where = torch.device("cuda:0" if device == "cuda" else device)
    open_device(where)
    return Compute(where, precision)


def trained_model(
    code: str,
    weights: str,
    num_classes: int,
    compute: Compute,
    structure: Mapping[str, Any] | None = None,
) -> nn.Module:
    """The model of a candidate's rendered code, with the weights in a file, in evaluation mode on
    the device. `structure`: as in `nas.train.load_model`. Exceptions of building and loading it
    pass."""
    model = load_model(code, num_classes, structure)
    safetensors.torch.load_model(model, weights)
    return compute.place(model).eval()
