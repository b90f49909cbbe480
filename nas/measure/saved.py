"""Memory that autograd keeps from forward to backward, which decides whether a batch fits."""

from itertools import chain

import torch
from torch import nn


def saved_bytes(model: nn.Module, x: torch.Tensor) -> tuple[object, int]:
    """Runs `model(x)` → (its output, bytes of the tensors that autograd keeps for backward).

    A storage shared by several operations counts once. Parameters, buffers and `x` do not count:
    they exist anyway, and the experts of a mixture share `x`. Keep the returned output to keep its
    graph, with the counted tensors, alive. Works on the meta device too.
    """
    given = {_identity(t) for t in chain(model.parameters(), model.buffers(), [x])}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        key = _identity(tensor)
        if key not in given:
            kept[key] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(x)
    return output, sum(kept.values())


def _identity(tensor: torch.Tensor) -> int:
    # Not data_ptr(), which is 0 for every tensor on the meta device.
    return int(tensor.untyped_storage()._cdata)
