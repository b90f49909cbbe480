"""The bank's record of one expert."""

import math
from typing import Literal

from pydantic import field_validator

from nas.schema import WEIGHTS, Candidate, DatasetInfo, Frozen

FORMAT = 1
FOLDER = "bank"
"""Where a ledger's bank lies, among its files."""
MANIFEST = "entry.json"
LOGITS = "logits.safetensors"
"""For each split: `<split>.logits` float32 `(N, C)` and `<split>.labels` int64 `(N,)`."""
FEATURES = "features.safetensors"
"""For each split: `<split>` float16 `(N, F)`."""
PARTS = (LOGITS, FEATURES, WEIGHTS)

SPLITS = ("held", "val", "test")
"""`held`: held-out training images, on which gates and weights are fitted."""
Split = Literal["held", "val", "test"]


class Part(Frozen):
    """One file of an entry."""

    bytes: int
    sha256: str
    """In hexadecimal digits."""


class Entry(Frozen):
    """One trained expert."""

    format: int = FORMAT
    candidate: Candidate
    inputs: DatasetInfo
    held_images: int
    features: int | None
    """Their width F; None where the model names no classifier."""
    val_acc: float
    test_acc: float
    params: int
    seconds: float
    """Worker time it took to train, predict and store."""
    latency: dict[int, float] = {}
    """Batch size → median seconds of one forward pass of so many images, with nothing else running;
    empty until that was measured."""
    proxies: dict[str, float] = {}
    """What each proxy found of it before its first step; see nas.measure.figures.
    Left out where they are no number, or their batch did not fit the device."""
    versions: dict[str, str]
    device: str
    files: dict[str, Part]

    @field_validator("files")
    @classmethod
    def _known(cls, files: dict[str, Part]) -> dict[str, Part]:
        if not {LOGITS, WEIGHTS} <= files.keys() <= {*PARTS}:
            raise ValueError(f"an entry has the files {', '.join(PARTS)}, not {', '.join(files)}")
        return files

    @property
    def key(self) -> str:
        """The candidate's key, which names the folder."""
        return self.candidate.key

    @property
    def family(self) -> str:
        """The expert's family."""
        return self.candidate.experts[0].family

    @property
    def model(self) -> str:
        """The expert's timm model."""
        return self.candidate.experts[0].member.model

    @property
    def image_seconds(self) -> float:
        """Of a forward pass of one image; NaN where it is not measured."""
        return self.latency.get(1, math.nan)

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(part.bytes for part in self.files.values())
