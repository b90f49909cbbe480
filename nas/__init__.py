"""Search heterogeneous Mixture-of-Experts image classifiers, with evidence.

From Python: `nas.Ledger("runs.db").attempts()` and `nas.table("family_yield", ledger)` give
pandas DataFrames. Both are loaded on first use, so `import nas` is instant.
"""

TYPE_CHECKING = False
"""As in typing. Nothing is imported here: before `nas` has removed the working directory from
Python's path, a `typing.py` there could be found instead."""
if TYPE_CHECKING:
    from typing import Any

    from nas.ledger import Ledger
    from nas.results import table

    __version__: str

__all__ = ["Ledger", "__version__", "table"]


def __getattr__(name: str) -> "Any":
    if name == "__version__":
        return _version()
    if name == "Ledger":
        from nas.ledger import Ledger

        return Ledger
    if name == "table":
        from nas.results import table

        return table
    raise AttributeError(f"module 'nas' has no attribute {name!r}")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("nas-moe")
    except PackageNotFoundError:  # a bare checkout on sys.path
        return "0.1.0"
