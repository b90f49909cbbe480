"""Adding files to the package for a test."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from added_files import EXAMPLES, place
from train_fixtures import digits, few

__all__ = ["digits", "few"]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Adds one file to its folder of the package, for a test: an example's, or another text."""
    added: list[tuple[str, str]] = []

    def add_file(path: str, text: str | None = None) -> None:
        package, name, folder = place(path, EXAMPLES[path] if text is None else text, tmp_path)
        there = importlib.import_module(package)
        monkeypatch.setattr(there, "__path__", [*there.__path__, str(folder)])
        importlib.invalidate_caches()
        added.append((package, name))

    yield add_file
    for package, name in added:
        if sys.modules.pop(f"{package}.{name}", None):
            vars(sys.modules[package]).pop(name, None)
