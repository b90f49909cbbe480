"""Search spaces: YAML files ↔ `nas.schema.Space`; errors give the line and the remedy."""

from nas.space.models import check_models, place_in
from nas.space.read import available, find, is_shipped, load, parse, stands_in
from nas.space.write import dump

__all__ = [
    "available",
    "check_models",
    "dump",
    "find",
    "is_shipped",
    "load",
    "parse",
    "place_in",
    "stands_in",
]
