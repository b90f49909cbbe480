"""Bytes that autograd keeps, worked by hand."""

import pytest
import torch
from torch import nn

from nas.measure.saved import saved_bytes


def test_a_small_network_by_hand() -> None:
    # One image of 8×8, fp32. Autograd keeps
    #   conv: its input x and its weight               not counted: x is shared, weights are there
    #   batch norm: the conv's output 4·8·8·4 B        1024 B
    #     and the batch's mean and 1/σ, 4·4 B each       32 B, whatever the batch
    #   relu: its result 4·8·8·4 B                     1024 B
    #   linear: its input, a view of relu's result       0 B, the same storage
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )
    for batch in (2, 5):
        _, saved = saved_bytes(model, torch.randn(batch, 3, 8, 8))
        assert saved == batch * 2048 + 32


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_meta_counts_as_cpu_does(device: str) -> None:
    # relu's result, 2·6·4 B; without a gradient to give, nothing.
    with torch.device(device):
        model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
        output, saved = saved_bytes(model, torch.ones(2, 3))
        with torch.no_grad():
            assert saved_bytes(model, torch.ones(2, 3))[1] == 0
    assert saved == 48
    assert isinstance(output, torch.Tensor)
    assert output.shape == (2, 2)


def test_a_storage_kept_twice_counts_once() -> None:
    class Square(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x + self.weight
            return y * y * y  # keeps y twice, and y·y

    # y and y·y, 3·4 B each
    assert saved_bytes(Square(), torch.ones(3))[1] == 24
