"""Search heterogeneous Mixture-of-Experts image classifiers, with evidence.

From Python: `nas.Ledger("runs.db").attempts()` and `nas.table("family_yield", ledger)` give
pandas DataFrames. Both are loaded on first use, so `import nas` is instant.
"""

TYPE_CHECKING = False
"""As typing has it. Nothing is imported here: before `nas` has left the working directory out of
where Python looks, a `typing.py` there could be what is found."""
if TYPE_CHECKING:
    from typing import Any

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
