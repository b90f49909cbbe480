"""Locations of the three open folders: templates, search_spaces, analysis.

The working directory's own folder comes first, then the shipped one. A wheel ships the folders as
`nas/_data/<name>`; a checkout has them beside the package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """The folder `name` as it came with this installation."""
    # `__file__`, not importlib.resources: an editable install can leave a stale _data behind
    # in site-packages, and the checkout's own folder must win over it.
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def folders(name: str) -> list[Path]:
    """Existing folders to look in, the working directory's first."""
    own = Path.cwd() / name
    found = [own] if own.is_dir() else []
    if not found or own.resolve() != shipped(name).resolve():
        found.append(shipped(name))
    return [folder for folder in found if folder.is_dir()]


def files(name: str, suffix: str) -> dict[str, Path]:
    """Every file of a folder kind by its stem, `_`-prefixed ones left out; own files win."""
    found: dict[str, Path] = {}
    for folder in folders(name):
        for path in sorted(folder.glob(f"*{suffix}")):
            stem = path.name.removesuffix(suffix)
            if not stem.startswith(("_", ".")):
                found.setdefault(stem, path)
    return found
