"""The columns that an analysis documents."""

import ast
import re
from pathlib import Path


def documented_columns(path: Path) -> list[str]:
    """Column names in the order of the file's docstring: one or more at the start of a line, joined
    by commas, with their meaning after two spaces or more, or nothing if the line above has it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    _, _, below = text.partition("\n\n")
    block = next(part for part in below.split("\n\n") if _NAMES.match(part) and "  " in part)
    found = [_NAMES.match(line) for line in block.splitlines() if not line.startswith(" ")]
    assert all(found), f"{path}: a line of the columns does not begin with a name"
    return [name for match in found if match for name in match[1].split(", ")]


_NAMES = re.compile(r"((?:[a-z_]\w*(?:<name>)?)(?:, [a-z_]\w*)*)(?:  +\S.*)?$", re.MULTILINE)
