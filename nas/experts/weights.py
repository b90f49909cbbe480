"""Pretrained weights on this machine: each file once, under its SHA-256, and what is known of it
under the name that spaces give it. Filled by `nas weights get`; read by everything else."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from nas.files import read_source, replacing, write_text
from nas.schema import Member, ProblemError, Space, Weights
from nas.user_cache import cache_folder

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class WeightStore:
    """A folder of weights. Several processes may read and write it."""

    folder: Path

    @classmethod
    def default(cls) -> "WeightStore":
        """The user's, in the cache folder. Raises ProblemError where there is no home."""
        folder = cache_folder()
        if folder is None:
            raise ProblemError(
                "there is no folder to keep pretrained weights in", fix="set XDG_CACHE_HOME"
            )
        return cls(folder / "weights")

    def find(self, member: Member) -> Weights | None:
        """What the store has of a member's weights; None if it was not fetched, or is not whole."""
        assert member.weights is not None
        try:
            found = Weights.model_validate_json(read_source(self._record(member)))
        except (OSError, ValidationError, ProblemError):
            return None
        return found if found.found and self.file(found).is_file() else None

    def all(self) -> Iterator[Weights]:
        """What is known of all weights; of damaged records nothing."""
        for path in self.folder.glob("names/*.json"):
            with suppress(OSError, ValidationError, ProblemError):
                yield Weights.model_validate_json(read_source(path))

    def file(self, weights: Weights) -> Path:
        """Where the file lies."""
        return self.folder / f"{weights.sha256}{SUFFIX}"

    def checked(self, weights: Weights) -> Path:
        """The file, every byte of which was compared. Raises ProblemError if it is missing or
        damaged."""
        path = self.file(weights)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ProblemError(
                f"the weights {weights.name} are not on this machine",
                where=str(path),
                fix="`nas weights get` fetches them",
            ) from error
        if digest != weights.sha256:
            raise ProblemError(
                f"the weights {weights.name} are damaged: their checksum is wrong",
                where=str(path),
                fix="remove that file; `nas weights get` fetches them again",
            )
        return path

    def put(self, member: Member, file: Path, weights: Weights) -> Weights:
        """Copies a safetensors file into the store, and records it for a member. Raises OSError."""
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        kept = weights.with_(sha256=digest)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.file(kept)) as fresh:
            shutil.copyfile(file, fresh)
        record = self._record(member)
        record.parent.mkdir(exist_ok=True)
        write_text(record, kept.model_dump_json(indent=1))
        return kept

    def _record(self, member: Member) -> Path:
        assert member.weights is not None
        key = json.dumps([member.weights.name, member.model, sorted(member.args.items())])
        return self.folder / "names" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def pretrained_members(space: Space) -> Iterator[Member]:
    """The members of a space that start from pretrained weights."""
    return (member for _, member in space.members if member.weights is not None)


def resolved(space: Space, store: WeightStore) -> Space:
    """The space with what the store knows of its members' weights, at the size of the largest
    images that they see; those that it lacks stay as they are."""
    if space.experts is None or not space.pretrained:
        return space
    families = {
        family: tuple(_resolved(member, store) for member in members)
        for family, members in space.experts.families.items()
    }
    experts = space.experts.with_(families=families)
    largest = max(
        member.weights.inputs.resized if member.weights else space.image_size
        for members in families.values()
        for member in members
    )
    return space.with_(experts=experts, image_size=largest)


def _resolved(member: Member, store: WeightStore) -> Member:
    if member.weights is None or member.weights.found:
        return member
    found = store.find(member)
    return member if found is None else member.with_(weights=found)


def check_weights(space: Space, store: WeightStore) -> None:
    """Raises ProblemError if weights of a space's members are not on this machine."""
    missing = [
        member.weights.name
        for member in pretrained_members(space)
        if member.weights and not (member.weights.found and store.file(member.weights).is_file())
    ]
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" * (len(missing) > 3))
        raise ProblemError(
            f"pretrained weights are not on this machine: {some}",
            where=f"space {space.name}",
            fix=f"`nas weights get {space.name}` fetches them, where there is a network; with"
            " --from DIR it takes them from a folder",
        )
