"""Registries of implementations: each file of a package adds one, listed without importing it.

A package such as `nas/sample/samplers` contains one module per implementation, which has its name.
Modules whose names begin with `_` are helpers, and `base` contains the contract.
"""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata, requires
from inspect import isfunction
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

from nas.schema.problem import NotInstalledError, ProblemError, UsageError, did_you_mean

T = TypeVar("T")

_NAS = Path(__file__).resolve().parent
_CONTRACT = "base"


class Registry:
    """The implementations of one kind, by name."""

    def __init__(self, package: str, kind: str, *, option: str = "", dashed: bool = False) -> None:
        """`package`: contains the modules; `kind`: the noun for messages; `option`: the
        command-line option that takes a name; `dashed`: whether names have `-` instead of the
        module's `_`, as usual on a command line."""
        self.package = package
        self.kind = kind
        self.option = option
        self._dashed = dashed

    def names(self) -> tuple[str, ...]:
        """All names, sorted, without importing a module."""
        return tuple(sorted(self._modules()))

    def check(self, name: str) -> None:
        """Raises UsageError, with the most similar names, for an unknown name."""
        if name not in self._modules():
            raise UsageError(
                f"no {self.kind} is called {name!r}",
                where=self.option,
                fix=did_you_mean(name, self.names()),
            )

    def subclass(self, name: str, contract: type[T]) -> type[T]:
        """The subclass of `contract` that the module of this name defines.

        Raises UsageError for an unknown name, and ProblemError for a module that does not define
        exactly one such class; NotInstalledError for one that needs a package which is not
        installed.
        """
        module = self._import(name)
        found = [
            value
            for value in _defined(module)
            if isinstance(value, type) and issubclass(value, contract)
        ]
        return self._only(found, module, f"class that extends {contract.__name__}")

    def function(self, name: str) -> Callable[..., object]:
        """The public function that the module of this name defines. Raises as `subclass`."""
        module = self._import(name)
        return self._only(list(filter(isfunction, _defined(module))), module, "public function")

    def _modules(self) -> dict[str, str]:
        """Module names by name."""
        found = [module.name for module in iter_modules(self._folders())]
        return {
            module.replace("_", "-") if self._dashed else module: module
            for module in found
            if module != _CONTRACT and not module.startswith("_")
        }

    def _folders(self) -> list[str]:
        # An imported package knows its folders. Importing one only to list it would be slow,
        # because its parents import torch.
        if self.package in sys.modules:
            return list(sys.modules[self.package].__path__)
        return [str(_NAS.joinpath(*self.package.split(".")[1:]))]

    def _import(self, name: str) -> ModuleType:
        self.check(name)
        try:
            return import_module(f"{self.package}.{self._modules()[name]}")
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing in ("", "nas"):
                raise
            raise NotInstalledError(
                f"the {self.kind} {name} needs the package {missing}, which is not installed",
                where=self.option,
                fix=f"type: {_install(name, missing)}",
            ) from error

    def _only(self, found: list[T], module: ModuleType, what: str) -> T:
        if len(found) != 1:
            raise ProblemError(
                f"a file of a {self.kind} must define one {what}; this one defines {len(found)}",
                where=module.__file__ or module.__name__,
                fix="see docs/extending.md",
            )
        return found[0]


def _install(name: str, package: str) -> str:
    """The command that installs a package: as an extra of nas, if one has this name or names a
    distribution that begins like the package."""
    try:
        extras = metadata("nas-moe").get_all("Provides-Extra") or []
        needed = requires("nas-moe") or []
    except PackageNotFoundError:  # a bare checkout on sys.path
        extras = needed = []
    if name not in extras:
        of_package = re.compile(
            rf"{re.escape(package)}\b.*\bextra == ['\"](.+?)['\"]", re.IGNORECASE
        )
        name = next((found[1] for each in needed if (found := of_package.match(each))), "")
    return f"pip install 'nas-moe[{name}]'" if name else f"pip install {package}"


def _defined(module: ModuleType) -> list[object]:
    """The public values that a module defines itself."""
    return [
        value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


SAMPLERS = Registry("nas.sample.samplers", "sampler", option="--sampler", dashed=True)
EXECUTORS = Registry("nas.execute.executors", "executor", option="--executor", dashed=True)
TRACKERS = Registry("nas.campaign.trackers", "tracker", option="--log", dashed=True)
DATA_SETS = Registry("nas.data.sources", "data set", option="--dataset", dashed=True)
PROCEDURES = Registry("nas.train.procedures", "training procedure")
LOSSES = Registry("nas.moe.losses", "loss")
METRICS = Registry("nas.moe.metrics", "metric")
PROXIES = Registry("nas.measure.proxies", "proxy")
INSTRUMENTS = Registry("nas.diagnose.instruments", "instrument", option="--only")
LEGENDS = Registry("nas.diagnose.legends", "legend")
