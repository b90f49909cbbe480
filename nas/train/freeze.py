"""Parts of a model that training leaves as they are, bit for bit."""

from collections.abc import Iterator, Sequence
from types import MethodType

from torch import nn

_HELD = "_held_by_freeze"
"""Names a module's parameters that had a gradient before."""


def freeze(module: nn.Module) -> None:
    """Without gradients, so outside of an optimizer that is built afterwards, and in evaluation
    mode, whatever `train()` is called on the model around it.

    Zero gradients would not do: decay and momentum move a parameter that has one. Nor would
    `requires_grad_(False)` alone: in training mode BatchNorm's running statistics move.
    """
    if is_frozen(module):
        return
    module.eval()
    _hold(module, recurse=True)
    # An instance's method, where nn.Module.train looks for those of its parts. Copies keep it.
    module.train = MethodType(_stay, module)  # type: ignore[method-assign]


def unfreeze(module: nn.Module) -> None:
    """Undoes `freeze` and `train_only` here and in every part. Leaves the mode as it is."""
    for part in module.modules():
        part.__dict__.pop("train", None)
        for name in part.__dict__.pop(_HELD, ()):
            part.get_parameter(name).requires_grad_(True)


def is_frozen(module: nn.Module) -> bool:
    """Whether this very module is frozen, rather than one around it."""
    return "train" in module.__dict__


def train_only(model: nn.Module, parts: Sequence[nn.Module], *, guarded: bool = True) -> None:
    """Freezes all of a model but some of its modules. What was frozen before, and is in one of
    them, trains; so does what they share with the rest. Parameters that the model keeps without a
    gradient stay so. Unguarded the rest only loses its gradients."""
    unfreeze(model)
    kept = [p for part in parts for p in part.parameters() if p.requires_grad]
    _freeze_outside(model, {id(part) for part in parts}, guarded)
    for parameter in kept:
        parameter.requires_grad_(True)


def thawed_modules(module: nn.Module) -> Iterator[nn.Module]:
    """A model's modules that are not frozen, nor inside of one that is."""
    if is_frozen(module):
        return
    yield module
    for child in module.children():
        yield from thawed_modules(child)


def _freeze_outside(module: nn.Module, wanted: set[int], guarded: bool) -> None:
    if id(module) in wanted:
        return
    if guarded and not any(id(part) in wanted for part in module.modules()):
        freeze(module)
        return
    _hold(module, recurse=False)
    for child in module.children():
        _freeze_outside(child, wanted, guarded)


def _hold(module: nn.Module, recurse: bool) -> None:
    """Takes the gradients of a module's own parameters, or of all its parts' too."""
    parameters = module.named_parameters(recurse=recurse)
    had = {name: parameter for name, parameter in parameters if parameter.requires_grad}
    module.__dict__[_HELD] = tuple(had)
    for parameter in had.values():
        parameter.requires_grad_(False)


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:
    """`train` of a frozen module."""
    return module
