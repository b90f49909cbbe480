"""The user's own images in torchvision's ImageFolder layout.

Either `PATH/CLASS/…/*.jpg`, split at random by seed, or `PATH/train/CLASS/…` with optional
`PATH/val` and `PATH/test`, by any of their usual names; missing splits are taken from train.
"""

from pathlib import Path

from nas.data.layout import Layout, guess
from nas.data.sources._folder import Folder


class ImageFolder(Folder):
    """`folder:PATH`: in either of the two layouts."""

    about = "your own images: PATH/CLASS/*.jpg, or PATH/train, PATH/val and PATH/test of that form"

    def layout(self, where: Path) -> Layout:
        """Also raises ProblemError for an ambiguous folder."""
        return guess(where)
