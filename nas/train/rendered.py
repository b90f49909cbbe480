"""Builds a model from rendered source code."""

import linecache
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import nn

from nas.faults import BuildError, is_accident

_MODULE = "nas_rendered"
_FILE = "<rendered model>"


def load_module(code: str) -> ModuleType:
    """Executes rendered source code as a module. Raises whatever it raises.

    Tracebacks show the lines of the module that was loaded last.
    """
    module = ModuleType(_MODULE)
    module.__file__ = _FILE
    # One name for all, so that a worker that loads thousands stores one. Without an entry in
    # sys.modules, dataclasses and get_type_hints fail inside the module.
    sys.modules[_MODULE] = module
    linecache.cache[_FILE] = (len(code), None, code.splitlines(keepends=True), _FILE)
    exec(compile(code, _FILE, "exec"), module.__dict__)
    return module


def load_model(
    code: str, num_classes: int, structure: Mapping[str, Any] | None = None
) -> nn.Module:
    """Executes a rendered file and calls its `build(num_classes)`; of a model that said what shapes
    training gave it, `build(num_classes, structure=…)`.

    Raises BuildError, with the cause chained, when the text does not run, has no `build` or
    `build` fails; running out of memory and CUDA's errors pass through.
    """
    try:
        module = load_module(code)
        if "build" not in module.__dict__:
            raise BuildError("the rendered module has no build(num_classes)")
        more = {} if structure is None else {"structure": dict(structure)}
        model = module.__dict__["build"](num_classes, **more)
    except BuildError:
        raise
    except Exception as error:
        if is_accident(error):
            raise
        raise BuildError(f"the model does not build: {_words(error)}") from error
    if not isinstance(model, nn.Module):
        raise BuildError(f"build() gave a {type(model).__name__}, not an nn.Module")
    return model


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0]}"
