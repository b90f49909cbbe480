"""What every data set promises."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from nas.data.raw import Raw


class Source(ABC):
    """One data set. `where` is the folder that it lies in: the data root, or a person's own.

    Equal calls give equal images, on every machine. Nothing but `read` and `download` imports
    torch or reads an image.
    """

    about: ClassVar[str]
    """What it is, in a phrase: for `nas data`."""
    how: ClassVar[str] = "nothing to get"
    """How to get it: what to type, or that there is nothing to do."""
    takes_path: ClassVar[bool] = False
    """Whether it is named with a folder, as in `folder:PATH`."""
    download_size: ClassVar[str] = ""
    """Of its download, for a person, as in `170 MB`; empty where there is none."""
    images: ClassVar[int] = 0
    """How many there are, where that does not depend on `where`."""
    images_are_files: ClassVar[bool] = False
    """Whether they are files, which nas.data.preprocess reads, or arrays of pixels."""
    pixels: ClassVar[str] = ""
    """How its pixels came to 8 bits before anything else was done, in a sentence."""

    name: ClassVar[str]
    """That of its file."""

    def __init_subclass__(cls) -> None:
        cls.name = cls.__module__.rpartition(".")[2].replace("_", "-")

    @property
    def typed(self) -> str:
        """What a person types for it."""
        return f"{self.name}:PATH" if self.takes_path else self.name

    def check(self, where: Path) -> None:  # noqa: B027 (optional)
        """Raises ProblemError when the set is not there; reads no image."""

    @abstractmethod
    def num_classes(self, where: Path) -> int:
        """Classes, without reading an image."""

    def num_images(self, where: Path) -> int:
        """Images of all parts, without reading one."""
        return self.images

    @abstractmethod
    def read(self, where: Path) -> Raw:
        """The set; ProblemError where it is damaged."""

    def files(self, where: Path) -> tuple[Path, ...]:
        """Those it is read from, none for one that is computed; reads none."""
        return ()

    def listed(self, where: Path) -> Raw | None:
        """The set where its images are files, of which it reads none; None where they are not."""
        return None

    def download(self, where: Path) -> None:
        """Fetches the set into a folder and verifies its checksum; nothing where it is there.
        OSError or RuntimeError where that fails. Called where there is a `download_size`."""
        raise NotImplementedError
