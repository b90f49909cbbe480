"""CIFAR-100 (Krizhevsky 2009)."""

from typing import Any

from nas.data.sources._cifar import Cifar


class Cifar100(Cifar):
    """As published, read by torchvision."""

    about = "60,000 photographs, 32×32, 100 classes"
    how = "nas data get cifar100"
    download_size = "169 MB"
    classes = 100
    folder = "cifar-100-python"
    published = ("train", "test", "meta", "file.txt~")

    @staticmethod
    def torchvision() -> Any:
        from torchvision.datasets import CIFAR100

        return CIFAR100
