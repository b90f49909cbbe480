"""CIFAR-100 (Krizhevsky 2009)."""

from typing import Any

from nas.data.sources._cifar import Cifar

SUPERCLASSES = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}
"""The published superclasses in the order of their labels, each with the names of its classes."""

_DOMAINS = {name: i for i, names in enumerate(SUPERCLASSES.values()) for name in names.split()}


class Cifar100(Cifar):
    """As published, read by torchvision. Its domains are the 20 superclasses."""

    about = "60,000 photographs, 32×32, 100 classes"
    how = "nas data get cifar100"
    download_size = "169 MB"
    classes = 100
    folder = "cifar-100-python"
    published = ("train", "test", "meta", "file.txt~")
    domains = len(set(_DOMAINS.values()))
    class_domains = tuple(_DOMAINS[name] for name in sorted(_DOMAINS))  # labels are alphabetical

    @staticmethod
    def torchvision() -> Any:
        from torchvision.datasets import CIFAR100

        return CIFAR100
