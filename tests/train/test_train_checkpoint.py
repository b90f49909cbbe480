"""Checkpoints: what comes back is what was written, or it is refused."""

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nas.schema import ProblemError
from nas.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint, save_weights

STATE = {
    "epoch": 3,
    "model": {"w": torch.arange(12.0).reshape(3, 4)},
    "more": [1, "two", None, {"three": 3.0}],
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("written") / "c.pt"
    save_checkpoint(path, "key", STATE)
    return path.read_bytes()


def test_what_comes_back_is_what_was_written(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(written)
    state = load_checkpoint(path, "key")
    torch.testing.assert_close(state.pop("model"), STATE["model"])
    assert state == {name: STATE[name] for name in ("epoch", "more")}
    with pytest.raises(CheckpointError, match="another candidate"):
        load_checkpoint(path, "other")


@given(data=st.data())
def test_a_flipped_bit_anywhere_is_found(
    tmp_path_factory: pytest.TempPathFactory, written: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(written) - 1))
    damaged = bytearray(written)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "flipped.pt"
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path, "key")


@given(length=st.integers(0, 5000), tail=st.binary(max_size=30))
def test_one_cut_short_or_overwritten_is_found(
    tmp_path_factory: pytest.TempPathFactory, written: bytes, length: int, tail: bytes
) -> None:
    damaged = written[: min(length, len(written) - 1)] + tail
    path = tmp_path_factory.getbasetemp() / "cut.pt"
    path.write_bytes(damaged)
    if damaged != written:
        with pytest.raises(CheckpointError):
            load_checkpoint(path, "key")


def of_an_older_nas() -> bytes:
    """A checkpoint without a digest."""
    file = io.BytesIO()
    torch.save({"format": 1, "key": "key", "state": STATE}, file)
    return file.getvalue()


def test_one_of_an_older_nas_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(of_an_older_nas())
    assert load_checkpoint(path, "key")["epoch"] == 3


@given(data=st.data())
def test_whatever_one_without_a_digest_raises_is_damage(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(of_an_older_nas())
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "old.pt"
    path.write_bytes(whole)
    with suppress(CheckpointError):  # and nothing else
        load_checkpoint(path, "key")


@pytest.mark.parametrize(
    "error",
    [
        struct.error("unpack requires a buffer of 4 bytes"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        zipfile.BadZipFile("not a zip file"),
        MemoryError("cannot allocate 281474976710656 bytes"),
        AssertionError(),
        ImportError("no such module"),
        OverflowError("too large"),
        RecursionError("too deep"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_of_a_reader_is_damage(
    tmp_path: Path, written: bytes, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise error

    path = tmp_path / "c.pt"
    path.write_bytes(written)
    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path, "key")


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    for name in ("c.pt", "w.safetensors"):
        (tmp_path / name).symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(ProblemError, match="link"):
        save_checkpoint(tmp_path / "c.pt", "key", STATE)
    with pytest.raises(ProblemError, match="link"):
        save_weights(tmp_path / "w.safetensors", nn.Linear(1, 1))
    assert (tmp_path / "thesis.txt").read_text() == "precious"
