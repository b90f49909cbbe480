"""From a data set's name to splits on a device."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nas.data.catalog import MEMORY_LIMIT, find
from nas.data.divide import divide, training_files
from nas.data.files import Decoder, FileSplit, decode_all
from nas.data.raw import Pool, Raw
from nas.data.split import Data, Preparation, Split, TensorSplit
from nas.data.survey import range_of
from nas.spec import ProblemError

_SAMPLE = 4096
"""Training images that mean and deviation are taken from."""


def load(
    dataset: str,
    *,
    split_seed: int,
    hold_out: float = 0.0,
    image_size: int,
    channels: int,
    root: Path,
    device: torch.device,
    memory_limit: int = MEMORY_LIMIT,
) -> Data:
    """See `nas.data.load`."""
    if channels not in (1, 3):
        raise ProblemError(f"images have 1 or 3 channels, not {channels}", where=dataset)
    source, where = find(dataset, root)
    raw = source.read(where)
    pools = divide(raw, split_seed, hold_out)
    stored = _stored_size(raw, pools, image_size, channels, memory_limit)
    decode = Decoder(stored or image_size, channels, range_of(training_files(pools)))
    if stored is None:
        return _stream(raw, pools, decode, device)
    tensors = [_pixels(pool, decode) for pool in pools]
    prepare = _preparation(raw, tensors[0], image_size, device)
    splits = [
        TensorSplit(images.to(device), torch.from_numpy(pool.labels).to(device), prepare)
        for images, pool in zip(tensors, pools, strict=True)
    ]
    return _data(raw, splits, prepare, decode)


def _stored_size(
    raw: Raw, pools: Sequence[Pool], image_size: int, channels: int, limit: int
) -> int | None:
    """The side at which all images fit the limit: the model's, else their own; None: stream."""
    count = sum(len(pool) for pool in pools)
    if count * channels * image_size**2 <= limit:
        return image_size
    pixels = raw.train.pixels
    native = raw.native if isinstance(pixels, tuple) else pixels.shape[-1]
    if native is None or native >= image_size or count * channels * native**2 > limit:
        return None
    return native


def _pixels(pool: Pool, decode: Decoder) -> Tensor:
    """uint8 `(N, channels, size, size)` on the CPU."""
    if isinstance(pool.pixels, tuple):
        return decode_all(pool.pixels, decode)
    images = torch.from_numpy(np.ascontiguousarray(pool.pixels))
    if images.shape[1] == 1 and decode.channels == 3:
        images = images.expand(-1, 3, -1, -1)
    pieces = [_resize(piece, decode.size, decode.channels) for piece in torch.split(images, 1024)]
    return torch.cat(pieces)


def _resize(images: Tensor, size: int, channels: int) -> Tensor:
    x = images.float()
    if x.shape[1] == 3 and channels == 1:
        luma = x.new_tensor([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's "L"
        x = (x * luma[:, None, None]).sum(1, keepdim=True)
    if x.shape[-1] != size:
        x = functional.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    return x.round_().clamp_(0, 255).to(torch.uint8)


def _stream(raw: Raw, pools: Sequence[Pool], decode: Decoder, device: torch.device) -> Data:
    # On a CPU a trial has one thread, and loader processes would take other trials' cores.
    workers = 4 if device.type == "cuda" else 0
    paths = [pool.pixels for pool in pools if isinstance(pool.pixels, tuple)]
    if len(paths) < len(pools):
        raise ProblemError(
            f"at {decode.size} pixels this data set needs more than the memory limit",
            fix="choose a smaller image size",
        )
    some = np.random.default_rng(0).permutation(len(paths[0]))[:1024]
    sample = decode_all([paths[0][i] for i in some], decode)
    prepare = _preparation(raw, sample, decode.size, device)
    splits = [
        FileSplit(
            files,
            torch.from_numpy(pool.labels).to(device),
            prepare,
            decode=decode,
            workers=workers,
        )
        for files, pool in zip(paths, pools, strict=True)
    ]
    return _data(raw, splits, prepare, decode)


def _preparation(raw: Raw, train: Tensor, size: int, device: torch.device) -> Preparation:
    sample = train[:: max(1, len(train) // _SAMPLE)].float() / 255
    std, mean = torch.std_mean(sample, dim=(0, 2, 3), keepdim=True)
    # A channel that never varies must not become infinite.
    return Preparation(size, mean.to(device), std.clamp(min=1e-3).to(device), raw.mirror)


def _data(raw: Raw, splits: Sequence[Split], prepare: Preparation, decode: Decoder) -> Data:
    train, val, test, *held = splits
    return Data(
        train=train,
        val=val,
        test=test,
        class_names=raw.class_names,
        mean=tuple(prepare.mean.flatten().tolist()),
        std=tuple(prepare.std.flatten().tolist()),
        held=held[0] if held else None,
        value_range=decode.value_range,
    )
