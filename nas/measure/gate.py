"""What a template adds to its experts, counted by running its code."""

import warnings

import torch

from nas.measure.checks import stage
from nas.measure.cost import NO_OVERHEAD, Overhead
from nas.measure.meta import count_macs
from nas.measure.saved import saved_bytes
from nas.train.rendered import load_module


def overhead(code: str, image_size: int, channels: int) -> Overhead:
    """Counts a rendered file's `build_gate()` on the meta device; nothing if it has none.

    Saved tensors are counted in fp32, an upper bound under autocast. Raises ProblemError for code
    that does not run.
    """
    with stage("does not import"):
        module = vars(load_module(code))
    if "build_gate" not in module:
        return NO_OVERHEAD
    with warnings.catch_warnings(), torch.device("meta"), stage("its gate does not run"):
        warnings.simplefilter("ignore")
        gate = module["build_gate"]().train()
        images = torch.empty(2, channels, image_size, image_size)
        _, saved = saved_bytes(gate, images)
        macs = count_macs(gate, images[:1])
    return Overhead(sum(p.numel() for p in gate.parameters()), macs, -(-saved // len(images)))
