"""Files that are added to a folder of the package: those of docs/extending.md, or a test's own."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "extending.md"
EXAMPLES: dict[str, str] = dict(
    re.findall(
        r"^`(nas/[a-z_/]+\.py)`:\n\n```python\n(.*?)^```$",
        GUIDE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
"""Path in the package → the file's whole text, as the guide prints it."""


def place(path: str, text: str, root: Path) -> tuple[str, str, Path]:
    """Writes a module outside of the package: its package's name, its own, and its folder."""
    *parents, name = path.removesuffix(".py").split("/")
    folder = root / "added" / "_".join(parents)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return ".".join(parents), name, folder
