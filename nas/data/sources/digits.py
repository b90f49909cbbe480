"""scikit-learn's handwritten digits (UCI optdigits): real images that need no download."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nas.data.raw import Pool, Raw
from nas.data.sources.base import Source
from nas.schema import ProblemError

STRETCHED = "scikit-learn's grey levels 0…16 were taken as 0…255"


class Digits(Source):
    """The digits that come with scikit-learn."""

    about = "1,797 handwritten digits, 8×8, from scikit-learn"
    images = 1_797
    pixels = f"{STRETCHED}."

    def check(self, where: Path) -> None:
        """Raises ProblemError if scikit-learn, or its file, is missing."""
        if not self.files(where):
            raise ProblemError(
                f"{self.name} is read from scikit-learn, which is not installed or not complete",
                where=f"--dataset {self.name}",
                fix="pip install --force-reinstall scikit-learn",
            )

    def num_classes(self, where: Path) -> int:
        return 10

    def read(self, where: Path) -> Raw:
        """1,797 images `(1, 8, 8)`, grey levels 0…16 stretched to 0…255; split 60/20/20."""
        self.check(where)
        (path,) = self.files(where)
        rows = np.loadtxt(path, delimiter=",", dtype=np.int64)  # 64 grey levels and the label
        images = np.rint(rows[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
        return Raw(
            class_names=tuple(str(n) for n in range(10)),
            train=Pool(images, rows[:, -1].copy()),
            val_share=0.2,
            test_share=0.2,
            mirror=False,
        )

    def files(self, where: Path) -> tuple[Path, ...]:
        package = find_spec("sklearn")  # without importing it, which takes seconds
        folders = package.submodule_search_locations if package else None
        return tuple(Path(folders[0]).glob("datasets/data/digits.csv.gz")) if folders else ()
