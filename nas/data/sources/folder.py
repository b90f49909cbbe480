"""A person's own images in torchvision's ImageFolder layout.

Either `PATH/CLASS/…/*.jpg`, divided by seed, or `PATH/train/CLASS/…` with an optional `PATH/val`
and `PATH/test`, by any of their common names; a part that is missing is split off train.
"""

from pathlib import Path

from nas.data.layout import Layout, guess
from nas.data.sources._folder import Folder


class ImageFolder(Folder):
    """`folder:PATH`: whichever of the two layouts the folder has."""

    about = "your own images: PATH/CLASS/*.jpg, or PATH/train, PATH/val and PATH/test of that form"

    def layout(self, where: Path) -> Layout:
        """Raises ProblemError for an ambiguous folder too."""
        return guess(where)
