"""The data set that a worker keeps on its device between trials."""

from pathlib import Path

import torch

import nas.data
from nas.compute import release_memory
from nas.data.batches import Data
from nas.data.loading import Images
from nas.schema import Task


class DataCache:
    """Caches one data set: a campaign's trials share it, whatever their hold-out.

    The old one is freed before another is loaded, so that two are never on the device at once.
    """

    def __init__(self) -> None:
        self._key: tuple[object, ...] | None = None
        self._images: Images | None = None

    def get(
        self, task: Task, *, image_size: int, channels: int, root: Path, device: torch.device
    ) -> Data:
        """The task's data, loaded only if not cached. Raises as `nas.data.load`."""
        key = (task.with_(hold_out=0.0), image_size, channels, root, device)
        if self._images is None or self._key != key:
            self.clear()
            release_memory(device)
            self._images = nas.data.load_images(
                task, image_size=image_size, channels=channels, root=root, device=device
            )
            self._key = key
        return self._images.data(task.hold_out)

    def clear(self) -> None:
        """Frees the cached data set."""
        self._key = self._images = None
