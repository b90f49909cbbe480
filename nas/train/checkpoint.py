"""Files of a trial, written so that a reader sees a whole one or none, and knows what was written.

A checkpoint opens with a line that holds the SHA-256 of the rest. Those of an older nas have none.
"""

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import safetensors.torch
import torch
from torch import nn

from nas.contained import contained
from nas.files import replacing

FORMAT = 1
_LINE = b"nas checkpoint, SHA-256 %b\n"
_HEAD = len(_LINE % (b"0" * 64))
_ZIP = b"PK"
"""What torch's own files begin with, and so a checkpoint without a digest."""


class CheckpointError(Exception):
    """A checkpoint is missing, damaged or another candidate's."""


def save_checkpoint(path: Path, key: str, state: dict[str, Any]) -> None:
    """Writes a procedure's state for the candidate `key`; OSError where the disk refuses."""
    content = {"format": FORMAT, "key": key, "state": state}
    with _fresh(path) as fresh, fresh.open("w+b") as file:
        file.write(_LINE % (b"0" * 64))
        torch.save(content, file)
        file.seek(_HEAD)
        digest = _digest(file)
        file.seek(0)
        file.write(_LINE % digest.encode())


def load_checkpoint(path: Path, key: str) -> dict[str, Any]:
    """The state saved for the candidate `key`, its tensors on the CPU; CheckpointError if none.

    Runs no code from the file (`weights_only`), and reads nothing from it before its digest is
    compared.
    """
    try:
        with _regular(path) as file:
            _check(file)
            content = torch.load(
                cast(IO[bytes], _Rest(file)), map_location="cpu", weights_only=True
            )
        known = content["format"], content["key"]
        state: dict[str, Any] = content["state"]
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing") from error
    except Exception as error:  # damage has no type: zip, pickle, struct, Unicode, memory, …
        raise CheckpointError(f"{path} is damaged") from error
    if known != (FORMAT, key):
        raise CheckpointError(f"{path} belongs to another candidate or version")
    return state


def save_weights(path: Path, model: nn.Module) -> str:
    """Writes parameters and buffers as safetensors; tensors with two names are stored once.

    Read with `safetensors.torch.load_model`. Returns the file's SHA-256 in hexadecimal digits.
    OSError where the disk refuses.
    """
    with _fresh(path) as fresh:
        safetensors.torch.save_model(model, str(fresh))
        with fresh.open("rb") as file:
            return _digest(file)


def _regular(path: Path) -> IO[bytes]:
    """Opens a regular file of an attempt's folder for reading; refuses links, and does not block on
    pipes."""
    contained(path.parent.parent, path.parent.name, path.name)
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("it is no regular file")
    return file


class _Rest(io.RawIOBase):
    """The rest of a file, from its present position, as a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._start
        return self._file.seek(offset, whence) - self._start


def _check(file: IO[bytes]) -> None:
    """Moves to the beginning of torch's data. Raises ValueError if its checksum is wrong."""
    head = file.read(_HEAD)
    if head.startswith(_ZIP):
        file.seek(0)
    elif head == _LINE % _digest(file).encode():
        file.seek(_HEAD)
    else:
        raise ValueError("its checksum is wrong")


def _digest(file: IO[bytes]) -> str:
    """SHA-256 of the rest of a file, in hexadecimal digits."""
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


@contextmanager
def _fresh(path: Path) -> Iterator[Path]:
    """A file to write that will stand in a path's place, which is no link to another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(contained(path.parent, path.name)) as fresh:
        yield fresh
