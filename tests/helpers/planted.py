"""A folder in which every module that anybody could import has an impostor."""

import sys
from importlib.metadata import packages_distributions
from pathlib import Path


def plant(folder: Path, *, stdlib: bool = True) -> Path:
    """Files that raise when they are imported, for all modules but nas."""
    names = {*packages_distributions(), *(sys.stdlib_module_names if stdlib else ())}
    folder.mkdir(parents=True, exist_ok=True)
    for name in names - {"nas"}:
        if name.isidentifier():
            (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the cwd was run')\n")
    return folder
