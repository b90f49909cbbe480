"""The diversity loss of positional convolution experts. Shapes: N tokens, E experts."""

import torch
from torch import Tensor
from torch.nn import functional

from nas.moe.routing import Routing


def diversity(routing: Routing) -> Tensor:
    """(1/E²) Σᵢⱼ (Cᵢⱼ − δᵢⱼ)², C the cosines between the experts' columns of probabilities over a
    batch (repository mirkzx04/Positional_Convolution_Experts).

    0 when no two experts are probable for the same tokens; 1 − 1/E when probabilities are uniform.
    A collapsed router has less than that, so this loss alone does not prevent collapse.
    """
    columns = functional.normalize(routing.probs, dim=0)
    cosines = columns.T @ columns
    own = torch.eye(len(cosines), device=cosines.device, dtype=cosines.dtype)
    return (cosines - own).square().mean()
