"""Networks with one fault each, offered under names that timm does not have."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import timm
import torch
from torch import nn


class Plain(nn.Module):
    """Sound: (B, channels, H, W) → (B, C)."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_chans, 4, 3, padding=1)
        self.head = nn.Linear(4, num_classes)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.conv(x).relu().mean((2, 3)))


class Unused(Plain):
    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__(num_classes, in_chans)
        self.spare = nn.Linear(2, 2)


class Tuple(Plain):
    def forward(self, x: torch.Tensor) -> Any:
        return (super().forward(x), x)


class Pixels(Plain):
    def forward(self, x: torch.Tensor) -> Any:
        return self.conv(x)


class Undefined(Plain):
    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x).sub(1e9).sqrt()


class UndefinedInEvaluation(Plain):
    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x) if self.training else super().forward(x) / 0


class SteepAtZero(Plain):
    """√(0·x): a finite value, and 0·∞ for a gradient."""

    def forward(self, x: torch.Tensor) -> Any:
        return (super().forward(x) * 0).sqrt()


class Constant(Plain):
    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x) * 0


class Frozen(Plain):
    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__(num_classes, in_chans)
        self.requires_grad_(False)


class NoBatch(Plain):
    """Runs on one image, as the meta device tries it, and on no batch."""

    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x.view(1, *x.shape[1:]))


class OutOfMemory(Plain):
    def forward(self, x: torch.Tensor) -> Any:
        if not x.is_meta:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 17.4 GiB.\nmore")
        return super().forward(x)


class NeedsNumbers(Plain):
    """Reads a number while being built, as timm's networks did before 1.0.22."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__(num_classes, in_chans)
        self.rates = torch.linspace(0, 1, 3)[1].item()


class NeedsNumbersToRun(Plain):
    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x) if x.sum().item() < 1e9 else None


ZOO: dict[str, Callable[..., nn.Module]] = {
    "zoo_plain": Plain,
    "zoo_needs_numbers": NeedsNumbers,
    "zoo_needs_numbers_to_run": NeedsNumbersToRun,
    "zoo_unused": Unused,
    "zoo_tuple": Tuple,
    "zoo_pixels": Pixels,
    "zoo_undefined": Undefined,
    "zoo_undefined_in_evaluation": UndefinedInEvaluation,
    "zoo_steep_at_zero": SteepAtZero,
    "zoo_constant": Constant,
    "zoo_frozen": Frozen,
    "zoo_no_batch": NoBatch,
    "zoo_out_of_memory": OutOfMemory,
}


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    real = timm.create_model

    def create(name: str, *, pretrained: bool = False, **settings: Any) -> Any:
        if name in ZOO:
            return ZOO[name](**settings)
        return real(name, pretrained=pretrained, **settings)

    monkeypatch.setattr(timm, "create_model", create)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
