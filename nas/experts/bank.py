"""The bank's entries on disk: written atomically, verified when read."""

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import ValidationError

from nas.contained import contained
from nas.experts.entry import FEATURES, FORMAT, LOGITS, MANIFEST, SPLITS, Entry, Part
from nas.files import write_bytes, write_text
from nas.schema import WEIGHTS, ProblemError

if TYPE_CHECKING:
    from torch import Tensor

ABANDONED_SECONDS = 3600.0
"""Unfinished entries older than this are abandoned."""
_FRESH = re.compile(r"\.[0-9a-f]{16}\.[0-9a-f]{32}")
"""Names of unfinished entries' folders; other folders are the user's."""
_TRAINED_AGAIN = "`nas bank` trains it again; the others stay"


class BankError(ProblemError):
    """An entry is missing, damaged or of another kind than expected."""


class Bank:
    """A folder of entries. Several processes may read and write it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entry(self, key: str) -> Entry:
        """The entry with a key. Raises BankError if it, or a file of it, is missing or has the
        wrong size.

        Fast: contents are checked by `verify`, and when they are read.
        """
        path = self._place(key, MANIFEST)
        try:
            entry = Entry.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise BankError(
                "the bank has no such expert", where=str(path.parent), fix=_TRAINED_AGAIN
            ) from None
        except (OSError, ValidationError) as error:
            raise _damaged(path, "it cannot be read") from error
        if entry.format != FORMAT or entry.key != key:
            raise _damaged(path, "it is another expert's, or another version's")
        for name, part in entry.files.items():
            file = self._place(key, name)
            if not file.is_file() or file.stat().st_size != part.bytes:
                raise _damaged(file, "it is missing or cut short")
        return entry

    def verify(self, entry: Entry) -> None:
        """Reads every file. Raises BankError if a checksum is wrong."""
        for name in entry.files:
            self._checked(entry, name)

    def logits(self, entry: Entry) -> "dict[str, tuple[Tensor, Tensor]]":
        """By split: float32 logits `(N, C)` and int64 labels `(N,)`. Raises BankError if
        damaged."""
        tensors = self._tensors(entry, LOGITS)
        return {split: (tensors[f"{split}.logits"], tensors[f"{split}.labels"]) for split in SPLITS}

    def features(self, entry: Entry) -> "dict[str, Tensor]":
        """By split: float16 features `(N, F)`; empty if there are none."""
        return self._tensors(entry, FEATURES) if FEATURES in entry.files else {}

    def checked(self, entry: Entry, name: str) -> Path:
        """The path of a file with a correct checksum; else raises BankError."""
        self._checked(entry, name)
        return self._place(entry.key, name)

    def put(
        self,
        key: str,
        save_weights: Callable[[Path], object],
        predictions: "Mapping[str, tuple[Tensor, Tensor, Tensor | None]]",
        describe: Callable[[dict[str, Part]], Entry],
        *,
        limit: int | None = None,
    ) -> Entry:
        """Writes an entry to a temporary folder and then renames it, so that no reader sees half of
        it.

        `predictions` holds logits, labels and features by split; `describe` makes the entry once
        the files are known. OSError where the disk refuses, BankError where all entries would take
        more than `limit` bytes; nothing is left behind then.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self._fresh(key)
        try:
            _save(
                fresh / LOGITS,
                {
                    f"{split}.{what}": tensor
                    for split, (logits, labels, _) in predictions.items()
                    for what, tensor in (("logits", logits), ("labels", labels))
                },
            )
            features = {split: f for split, (_, _, f) in predictions.items() if f is not None}
            if features:
                _save(fresh / FEATURES, features)
            save_weights(fresh / WEIGHTS)
            entry = describe({path.name: _part(path) for path in sorted(fresh.iterdir())})
            self._check_room(entry, limit)
            write_text(fresh / MANIFEST, entry.model_dump_json(indent=1))
            self._move(fresh, self._place(key))
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return entry

    def amend(self, entry: Entry) -> None:
        """Replaces an expert's record, not its files. Raises OSError."""
        place = self._place(entry.key, MANIFEST)
        fresh = self._fresh(entry.key)
        try:
            write_text(fresh / MANIFEST, entry.model_dump_json(indent=1))
            (fresh / MANIFEST).replace(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def remove(self, key: str) -> None:
        """Removes an entry, complete or not."""
        shutil.rmtree(self._place(key), ignore_errors=True)

    def sweep(self) -> None:
        """Removes unfinished entries of killed writers, but not recent ones."""
        for path in self.folder.glob(".*"):
            with suppress(OSError):  # another may sweep at the same time
                old = time.time() - path.lstat().st_mtime > ABANDONED_SECONDS
                if old and _FRESH.fullmatch(path.name):
                    shutil.rmtree(path, ignore_errors=True)

    def _fresh(self, key: str) -> Path:
        """A new folder to write in, where `sweep` finds what a writer that was killed left."""
        fresh = self.folder / f".{key}.{uuid4().hex}"
        fresh.mkdir()
        return fresh

    def _place(self, key: str, *names: str) -> Path:
        """Where an entry lies, or a file of it; BankError where that is not inside the bank."""
        try:
            return contained(self.folder, key, *names)
        except ProblemError as error:
            problem = error.problem
            raise BankError(problem.what, where=problem.where, fix=problem.fix) from None

    def _check_room(self, entry: Entry, limit: int | None) -> None:
        others = (path for path in self.folder.glob("[!.]*/*") if path.parent.name != entry.key)
        taken = sum(path.stat().st_size for path in others)
        if limit is not None and taken + entry.bytes > limit:
            raise BankError(
                f"the bank has {taken / 1e6:,.1f} MB, and {entry.model} needs"
                f" {entry.bytes / 1e6:,.1f} MB more than its limit of {limit / 1e6:,.1f} MB allows",
                where=str(self.folder),
                fix="give it more with --max-size, or remove experts you do not need",
            )

    def _move(self, fresh: Path, place: Path) -> None:
        old = self.folder / f".{place.name}.{uuid4().hex}"
        if place.exists():
            place.rename(old)
        fresh.rename(place)
        shutil.rmtree(old, ignore_errors=True)

    def _tensors(self, entry: Entry, name: str) -> "dict[str, Tensor]":
        import safetensors.torch  # imports torch: what only lists entries has no need of it
        from safetensors import SafetensorError

        try:
            found: dict[str, Tensor] = safetensors.torch.load(self._checked(entry, name))
        except SafetensorError as error:
            raise _damaged(self.folder / entry.key / name, "it is no safetensors file") from error
        return found

    def _checked(self, entry: Entry, name: str) -> bytes:
        path = self._place(entry.key, name)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _damaged(path, "it cannot be read") from error
        if hashlib.sha256(content).hexdigest() != entry.files[name].sha256:
            raise _damaged(path, "its checksum is wrong")
        return content


def _damaged(path: Path, why: str) -> BankError:
    return BankError(
        f"an expert of the bank is damaged: {why}",
        where=str(path),
        fix=_TRAINED_AGAIN,
    )


def _save(path: Path, tensors: "Mapping[str, Tensor]") -> None:
    import safetensors.torch

    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_bytes(path, safetensors.torch.save(whole))


def _part(path: Path) -> Part:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Part(bytes=path.stat().st_size, sha256=digest.hexdigest())
