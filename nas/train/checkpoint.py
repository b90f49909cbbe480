"""Files of a trial, written so that a reader sees a whole one or none."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import safetensors.torch
import torch
from torch import nn

from nas.files import replacing

FORMAT = 1


class CheckpointError(Exception):
    """A checkpoint is missing, damaged or another candidate's."""


def save_checkpoint(path: Path, key: str, state: dict[str, Any]) -> None:
    """Writes a procedure's state for the candidate `key`; OSError where the disk refuses."""
    content = {"format": FORMAT, "key": key, "state": state}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as fresh:
        torch.save(content, fresh)


def load_checkpoint(path: Path, key: str) -> dict[str, Any]:
    """The state saved for the candidate `key`, its tensors on the CPU; CheckpointError if none.

    Runs no code from the file (`weights_only`).
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["format"] != FORMAT or content["key"] != key:
            raise CheckpointError(f"{path} belongs to another candidate or version")
        state: dict[str, Any] = content["state"]
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing") from error
    except (OSError, RuntimeError, UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged") from error
    return state


def save_weights(path: Path, model: nn.Module) -> None:
    """Writes parameters and buffers as safetensors; tensors with two names are stored once.

    Read with `safetensors.torch.load_model`. OSError where the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as fresh:
        safetensors.torch.save_model(model, str(fresh))
