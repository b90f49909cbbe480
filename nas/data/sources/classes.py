"""The user's own images, with every folder a class, even one called `train` or `test`."""

from pathlib import Path

from nas.data.layout import Layout, of_classes
from nas.data.sources._folder import Folder


class Classes(Folder):
    """`classes:PATH`: PATH/CLASS/*.jpg, split at random by seed."""

    about = "as folder:PATH, but every folder of PATH is a class, even one called train"

    def layout(self, where: Path) -> Layout:
        return of_classes(where)
