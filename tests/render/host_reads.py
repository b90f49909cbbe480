"""How often the host would wait for a GPU."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class HostReads(TorchDispatchMode):
    """Counts what makes the host wait on a GPU: values that are read back, and operations whose
    CUDA kernels read back the size of their result. bincount looks for the least and the greatest;
    a boolean index is looked up. Counts all operations too.
    """

    WAITS: ClassVar = {
        "bincount": 2,
        "nonzero": 1,
        "masked_select": 1,
        "_unique2": 1,
        "_local_scalar_dense": 1,
        "repeat_interleave": 1,
    }
    INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")

    def __enter__(self) -> Self:
        self.seen: list[str] = []
        self.operations = 0
        self._real = {name: getattr(torch.Tensor, name) for name in ("tolist", "cpu")}
        for name, real in self._real.items():
            setattr(torch.Tensor, name, self._counted(name, real))
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        for name, real in self._real.items():
            setattr(torch.Tensor, name, real)
        super().__exit__(*error)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.operations += 1
        name = func.overloadpacket.__name__
        self.seen += [name] * self.WAITS.get(name, 0)
        if name in self.INDEXING:
            self.seen += [name for index in args[1] if _is_mask(index)]
        return func(*args, **(kwargs or {}))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(tensor: torch.Tensor, *args: Any, **more: Any) -> Any:
            self.seen.append(name)
            return real(tensor, *args, **more)

        return call


def _is_mask(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)
