"""Finds torch's version without importing torch."""

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path


def torch_version() -> str:
    """`torch.__version__` including the build (`2.11.0+cu130`), which package metadata lack.

    Importing torch takes seconds, so only its file `version.py` is run.
    """
    if "torch" in sys.modules:
        return str(sys.modules["torch"].__version__)
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    return str(runpy.run_path(str(Path(spec.origin).with_name("version.py")))["__version__"])
