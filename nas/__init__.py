"""Search heterogeneous Mixture-of-Experts image classifiers, with evidence.

From Python: `nas.Ledger("runs.db").attempts()` and `nas.table("family_yield", ledger)` give
pandas DataFrames. Both are loaded on first use, so `import nas` is instant.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("nas-moe")
except PackageNotFoundError:  # a bare checkout on sys.path
    __version__ = "0.1.0"

__all__ = ["Ledger", "__version__", "table"]


def __getattr__(name: str) -> Any:
    if name == "Ledger":
        from nas.ledger import Ledger

        return Ledger
    if name == "table":
        from nas.analyse import table

        return table
    raise AttributeError(f"module 'nas' has no attribute {name!r}")
