"""CIFAR-10 and CIFAR-100, read by torchvision in their real on-disk format."""

import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nas.data.raw import Pool, Raw
from nas.data.sources.base import Source
from nas.schema import ProblemError


class Cifar(Source):
    """Krizhevsky 2009."""

    images = 60_000
    classes: ClassVar[int]
    folder: ClassVar[str]
    published: ClassVar[tuple[str, ...]]
    """Names of its files; the last is a text file that is not read."""
    class_domains: ClassVar[tuple[int, ...]] = ()
    """See nas.data.raw.Raw."""

    @staticmethod
    @abstractmethod
    def torchvision() -> Any:
        """torchvision's class, which verifies every file's MD5."""

    def check(self, where: Path) -> None:
        """Raises ProblemError if the folder is missing; checksums are verified by `read`."""
        if not (where / self.folder).is_dir():
            raise ProblemError(
                f"{self.name} is not downloaded",
                where=str(where / self.folder),
                fix=f"type: nas data get {self.name}",
            )

    def num_classes(self, where: Path) -> int:
        return self.classes

    def read(self, where: Path) -> Raw:
        """45,000 images for training, 5,000 for validation, the official 10,000 for testing."""
        self.check(where)
        dataset = self.torchvision()
        try:
            with warnings.catch_warnings():
                # numpy 2.4.0–2.4.4 warns about the published pickles (numpy#30786).
                warnings.filterwarnings("ignore", message=r"dtype\(\): align should be passed")
                train, test = dataset(where, train=True), dataset(where, train=False)
        except (RuntimeError, OSError, EOFError) as error:
            folder = where / self.folder
            raise ProblemError(
                f"{self.name} is damaged: {error}",
                where=str(folder),
                fix=f"delete {folder} and type: nas data get {self.name}",
            ) from error
        return Raw(
            class_names=tuple(train.classes),
            train=_pool(train),
            test=_pool(test),
            mirror=True,
            class_domains=self.class_domains,
        )

    def files(self, where: Path) -> tuple[Path, ...]:
        """The published files that exist; other files in the folder are ignored."""
        folder = where / self.folder
        return tuple(sorted(folder / name for name in self.published if (folder / name).is_file()))

    def download(self, where: Path) -> None:
        self.torchvision()(where, download=True)


def _pool(dataset: Any) -> Pool:
    images = np.ascontiguousarray(dataset.data.transpose(0, 3, 1, 2))
    return Pool(images, np.asarray(dataset.targets, dtype=np.int64))
