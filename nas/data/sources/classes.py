"""A person's own images where every folder is a class, one called `train` or `test` too."""

from pathlib import Path

from nas.data.layout import Layout, of_classes
from nas.data.sources._folder import Folder


class Classes(Folder):
    """`classes:PATH`: PATH/CLASS/*.jpg, divided by seed."""

    about = "as folder:PATH, where every folder of PATH is a class, one called train too"

    def layout(self, where: Path) -> Layout:
        return of_classes(where)
