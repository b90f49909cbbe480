"""The contract of data sets."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from nas.data.raw import Raw


class Source(ABC):
    """One data set. `where` is the folder that contains it: the data root, or the user's own.

    Equal calls give equal images, on every machine. Only `read` and `download` import torch or read
    images.
    """

    about: ClassVar[str]
    """A short description, for `nas data`."""
    how: ClassVar[str] = "nothing to get"
    """How to get it: a command, or that nothing is needed."""
    takes_path: ClassVar[bool] = False
    """Whether its name includes a folder, as in `folder:PATH`."""
    download_size: ClassVar[str] = ""
    """The size of its download, as in `170 MB`; empty if there is no download."""
    images: ClassVar[int] = 0
    """The number of images, if it does not depend on `where`."""
    domains: ClassVar[int] = 0
    """The number of domains in which its classes are known to be; 0 if none are known."""
    images_are_files: ClassVar[bool] = False
    """Whether images are files, read by nas.data.preprocess, or arrays of pixels."""
    pixels: ClassVar[str] = ""
    """One sentence on how its pixels were first converted to 8 bits, if they were."""

    name: ClassVar[str]
    """Its name, which is that of its file."""

    def __init_subclass__(cls) -> None:
        cls.name = cls.__module__.rpartition(".")[2].replace("_", "-")

    @property
    def typed(self) -> str:
        """Its name as typed on the command line."""
        return f"{self.name}:PATH" if self.takes_path else self.name

    def check(self, where: Path) -> None:  # noqa: B027 (optional)
        """Raises ProblemError if the data set is missing; reads no image."""

    @abstractmethod
    def num_classes(self, where: Path) -> int:
        """The number of classes, without reading an image."""

    def num_images(self, where: Path) -> int:
        """The number of images in all splits, without reading one."""
        return self.images

    @abstractmethod
    def read(self, where: Path) -> Raw:
        """The images and labels. Raises ProblemError if they are damaged."""

    def files(self, where: Path) -> tuple[Path, ...]:
        """The files that it is read from; none if it is computed. Reads none of them."""
        return ()

    def listed(self, where: Path) -> Raw | None:
        """As `read`, which reads no image where images are files; None where they are not."""
        return self.read(where) if self.images_are_files else None

    def download(self, where: Path) -> None:
        """Downloads the data set into a folder and verifies its checksum; does nothing if it
        exists. Raises OSError or RuntimeError. Only called if there is a `download_size`."""
        raise NotImplementedError
