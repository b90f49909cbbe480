"""Files of a trial, written so that a reader sees a whole one or none."""

import os
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import safetensors.torch
import torch
from torch import nn

FORMAT = 1


class CheckpointError(Exception):
    """A checkpoint is missing, damaged or another candidate's."""


def save_checkpoint(path: Path, key: str, state: dict[str, Any]) -> None:
    """Writes a procedure's state for the candidate `key`; OSError where the disk refuses."""
    content = {"format": FORMAT, "key": key, "state": state}
    _replace(path, lambda temporary: torch.save(content, temporary))


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
    _replace(path, lambda temporary: safetensors.torch.save_model(model, str(temporary)))


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        # A power cut must not leave a name that points to bytes that were never written.
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
