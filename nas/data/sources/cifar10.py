"""CIFAR-10 (Krizhevsky 2009)."""

from typing import Any

from nas.data.sources._cifar import Cifar


class Cifar10(Cifar):
    """As published, read by torchvision."""

    about = "60,000 photographs, 32×32, 10 classes"
    how = "nas data get cifar10"
    download_size = "170 MB"
    classes = 10
    folder = "cifar-10-batches-py"
    published = (
        *(f"data_batch_{n}" for n in range(1, 6)),
        "test_batch",
        "batches.meta",
        "readme.html",
    )

    @staticmethod
    def torchvision() -> Any:
        from torchvision.datasets import CIFAR10

        return CIFAR10
