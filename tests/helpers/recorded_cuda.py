"""Stands in for `torch.cuda` where there is no GPU: records calls, and refuses as torch does what
is asked before CUDA was initialised. No kernel runs on it."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

GIB = 2**30


class RecordedCuda:
    """`calls` names what was called, in order; `asked` has the arguments of the last call."""

    def __init__(self, capability: tuple[int, int] = (9, 0), total: int = 80 * GIB) -> None:
        self.calls: list[str] = []
        self.requests: dict[str, tuple[Any, ...]] = {}
        self.initialized = False
        self.capability = capability
        self.total = self.free = total
        self.reserved = 0
        self.fault: Exception | None = None
        """What each call that reaches the device raises."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (
            "init",
            "set_device",
            "synchronize",
            "set_per_process_memory_fraction",
            "reset_peak_memory_stats",
            "max_memory_allocated",
            "memory_reserved",
            "mem_get_info",
            "empty_cache",
            "get_device_properties",
            "get_device_capability",
        ):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))
        real = torch.empty

        def empty(*size: Any, device: Any = None, **more: Any) -> torch.Tensor:
            if device is None or torch.device(device).type != "cuda":
                return real(*size, device=device, **more)
            self._reach("empty")
            return real(*size, **more)

        monkeypatch.setattr(torch, "empty", empty)

    def init(self) -> None:
        self._reach("init")

    def set_device(self, device: Any) -> None:
        self._note("set_device", device)

    def synchronize(self, device: Any = None) -> None:
        self._reach("synchronize", device)

    def set_per_process_memory_fraction(self, fraction: float, device: Any = None) -> None:
        self._reach("set_per_process_memory_fraction", fraction, device)

    def reset_peak_memory_stats(self, device: Any = None) -> None:
        self._note("reset_peak_memory_stats", device)
        if not self.initialized:
            raise RuntimeError("Invalid device argument 0: did you call init?")

    def max_memory_allocated(self, device: Any = None) -> int:
        self._note("max_memory_allocated", device)
        return self.reserved

    def memory_reserved(self, device: Any = None) -> int:
        self._note("memory_reserved", device)
        return self.reserved

    def mem_get_info(self, device: Any = None) -> tuple[int, int]:
        self._reach("mem_get_info", device)
        return self.free, self.total

    def empty_cache(self) -> None:
        self._note("empty_cache")

    def get_device_properties(self, device: Any = None) -> SimpleNamespace:
        self._note("get_device_properties", device)
        major, minor = self.capability
        return SimpleNamespace(name="recorded", total_memory=self.total, major=major, minor=minor)

    def get_device_capability(self, device: Any = None) -> tuple[int, int]:
        self._note("get_device_capability", device)
        return self.capability

    def _note(self, name: str, *arguments: Any) -> None:
        self.calls.append(name)
        self.requests[name] = arguments

    def _reach(self, name: str, *arguments: Any) -> None:
        """A call that starts CUDA where it was not started yet."""
        self._note(name, *arguments)
        if self.fault is not None:
            raise self.fault
        self.initialized = True
