"""Small data sets in their real on-disk formats."""

import hashlib
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from nas.data.batches import Data

Load = Callable[..., Data]
"""What the fixture `load_small` gives: `load_small(dataset, **changes)`."""


def write_image(path: Path, colour: tuple[int, int, int], size: tuple[int, int]) -> None:
    """An image of one colour but for a white quarter at its lower right; the suffix decides the
    format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour)
    image.paste((255, 255, 255), (size[0] // 2, size[1] // 2, *size))
    image.save(path)


def make_folder(where: Path, classes: dict[str, int], size: tuple[int, int] = (20, 16)) -> Path:
    """An image folder: class i is red level 40·i + image number, names and formats mixed."""
    for label, (name, count) in enumerate(classes.items()):
        for i in range(count):
            suffix = ("png", "JPG", "bmp")[i % 3]
            write_image(where / name / f"{i:02d}.{suffix}", (40 * label + i, 0, 0), size)
    return where


class SmallCifar:
    """Writes CIFAR's pickled batches, a handful of images each, and knows their checksums."""

    def __init__(self, root: Path, cls: type, label_key: str, classes: int) -> None:
        self.folder = root / cls.base_folder  # type: ignore[attr-defined]
        self.folder.mkdir()
        self.cls = cls
        self.classes = classes
        per_class = {"train": 20, "test": 4}
        rng = np.random.default_rng(0)
        self.rows: dict[str, tuple[np.ndarray, list[int]]] = {}
        for kind, names in (("train", cls.train_list), ("test", cls.test_list)):  # type: ignore[attr-defined]
            labels = rng.permutation(np.repeat(np.arange(classes), per_class[kind]))
            pixels = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
            pixels[:, 0] = labels  # red of the top left pixel tells the class
            parts = np.array_split(np.arange(len(labels)), len(names))
            for (name, _), part in zip(names, parts, strict=True):
                self._dump(name, {"data": pixels[part], label_key: labels[part].tolist()})
        meta = cls.meta  # type: ignore[attr-defined]
        self._dump(meta["filename"], {meta["key"]: [f"class {i}" for i in range(classes)]})

    def _dump(self, name: str, content: object) -> None:
        with (self.folder / name).open("wb") as file:
            pickle.dump(content, file, protocol=2)

    def accept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tells torchvision these files' checksums in place of the published ones."""

        def md5(name: str) -> str:
            return hashlib.md5((self.folder / name).read_bytes()).hexdigest()

        for attribute in ("train_list", "test_list"):
            names = [name for name, _ in getattr(self.cls, attribute)]
            monkeypatch.setattr(self.cls, attribute, [[name, md5(name)] for name in names])
        meta = self.cls.meta  # type: ignore[attr-defined]
        monkeypatch.setattr(self.cls, "meta", meta | {"md5": md5(meta["filename"])})


def write_tiff(
    path: Path,
    pixels: np.ndarray,
    *,
    order: str = "<",
    sample: int = 1,
    meaning: int = 1,
    planes: bool = False,
    deflated: bool = False,
) -> Path:
    """A TIFF 6.0, as microscopes write them and Pillow does not.

    `pixels` `(H, W)` or `(H, W, bands)`; `order` is the bytes', `sample` the SampleFormat
    (1 unsigned, 2 signed, 3 floating point), `meaning` the PhotometricInterpretation. It has one
    strip, or with `planes` one a band; `deflated` ones are compressed.
    """
    height, width, *bands = pixels.shape
    count = bands[0] if bands else 1
    stored = pixels.astype(pixels.dtype.newbyteorder(order))
    strips = (
        [band.tobytes() for band in stored.transpose(2, 0, 1)] if planes else [stored.tobytes()]
    )
    if deflated:
        strips = [zlib.compress(strip) for strip in strips]
    lengths = [len(strip) for strip in strips]
    bits = [8 * pixels.dtype.itemsize] * count
    tags: list[tuple[int, str, list[int]]] = [
        *(
            (256, "I", [width]),
            (257, "I", [height]),
            (258, "H", bits),
            (259, "H", [8 if deflated else 1]),
        ),
        *((262, "H", [meaning]), (273, "I", [0] * len(strips)), (277, "H", [count])),
        *((278, "I", [height]), (279, "I", lengths)),
        *((284, "H", [2 if planes else 1]), (339, "H", [sample] * count)),
    ]
    start = 8 + 2 + 12 * len(tags) + 4  # of what does not fit into a tag
    packed = [struct.pack(f"{order}{len(values)}{kind}", *values) for _, kind, values in tags]
    beyond = b"".join(value for value in packed if len(value) > 4)
    first = start + len(beyond)
    offsets = [first + sum(lengths[:strip]) for strip in range(len(strips))]
    packed[5] = struct.pack(f"{order}{len(strips)}I", *offsets)
    beyond = b"".join(value for value in packed if len(value) > 4)
    out = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(tags))
    for (tag, kind, values), value in zip(tags, packed, strict=True):
        inline = value
        if len(value) > 4:
            inline, start = struct.pack(f"{order}I", start), start + len(value)
        out += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(values))
        out += inline.ljust(4, b"\0")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out + bytes(4) + beyond + b"".join(strips))
    return path


def write_pages(path: Path, *pages: tuple[Image.Image, int]) -> Path:
    """A TIFF of several pages, each with its NewSubfileType: 1 stands for a smaller copy."""
    with TiffImagePlugin.AppendingTiffWriter(str(path), new=True) as file:
        for page, kind in pages:
            page.save(file, format="TIFF", tiffinfo={254: kind})
            file.newFrame()
    return path


def write_deep_png(path: Path, pixels: np.ndarray, key: tuple[int, ...] = ()) -> Path:
    """A PNG of 16 bits a band, which Pillow reads and does not write.

    `pixels` uint16 `(H, W, bands)` with 1 band, 2 (grey, alpha), 3 or 4; `key` is the colour that
    stands for transparency.
    """
    height, width, bands = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return _write_png(path, rows, (width, height), 16, {1: 0, 2: 4, 3: 2, 4: 6}[bands], key)


def write_small_png(path: Path, pixels: np.ndarray, bits: int, key: int) -> Path:
    """A PNG of 2 or 4 bits of grey, where `key` stands for transparency; `pixels` `(H, W)`, of
    which W fills whole bytes."""
    height, width = pixels.shape
    places = 2 ** (bits * np.arange(8 // bits)[::-1])
    packed = (pixels.reshape(height, -1, 8 // bits) * places).sum(axis=2).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    return _write_png(path, rows, (width, height), bits, 0, (key,))


def _write_png(
    path: Path, rows: bytes, size: tuple[int, int], bits: int, kind: int, key: tuple[int, ...]
) -> Path:

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    parts = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0))
    if key:
        parts += chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    parts += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path
