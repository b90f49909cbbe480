"""Published figures of the campaign that searched quartets of 29 families for 28 days.

They are from arXiv 2606.23739. The colliding pairs were read from the public model files of LEMUR,
the collection that contains the families.
"""

from functools import cache
from itertools import combinations

from nas.schema import Assignment, ExpertAxis, ExpertChoice, Member, Space

_NAMES = """
    AirNet AirNext AlexNet BagNet ConvNeXt DPN107 DPN131 DPN68 DarkNet DenseNet Diffuser
    EfficientNet FractalNet GoogLeNet ICNet InceptionV3 MNASNet MaxVit MobileNetV2 MobileNetV3
    RegNet ResNet ShuffleNet SqueezeNet-1 SqueezeNet-2 SwinTransformer UNet2D VGG VisionTransformer
"""
FAMILIES = tuple(_NAMES.split())
"""In Python's sort order."""
FIRST = FAMILIES[0]
HEAVY = "FractalNet"
"""Its saved activations take 17.4 GiB at batch 32 on a card with 24: its quartets do not fit."""
COLLIDING = (
    ("DPN107", "DPN131"),
    ("DPN107", "DPN68"),
    ("DPN131", "DPN68"),
    ("EfficientNet", "MaxVit"),
    ("GoogLeNet", "InceptionV3"),
    ("MobileNetV2", "MobileNetV3"),
    ("MobileNetV2", "ShuffleNet"),
    ("MobileNetV3", "ShuffleNet"),
    ("SqueezeNet-1", "SqueezeNet-2"),
)
"""Pairs whose files define helper classes of the same name: their quartets were skipped."""

DAYS = 28
BATCHES = 197
GENERATED = 4463
PENDING = 13
"""Generated but never run."""
OK = 1021
DISTINCT = 1146
BLACKLISTED = 102
COLLISIONS = 0.127
"""Share of all quartets that could not be built."""
HEAVY_SUCCESS = 0.007
HEAVY_ATTEMPTS = 3273
HEAVY_SHARE = 0.948
"""Share of failures that contained FractalNet."""
ATTEMPTS = {"ShuffleNet": 92, "MobileNetV3": 84, "ResNet": 93, "InceptionV3": 320, "MNASNet": 134}
SUCCESS = {"ShuffleNet": 0.967, "MobileNetV3": 0.964, "InceptionV3": 0.272, "MNASNet": 0.701}

RUN = GENERATED - PENDING
FAILED = RUN - OK
SECONDS = DAYS * 86400 / RUN
"""GPU time per candidate; the published totals do not separate successes from failures."""

SPACE = Space(
    name="airnet",
    description="The 29 families of the published campaign, one model each.",
    image_size=256,
    experts=ExpertAxis(k=4, families={family: (Member(model=family),) for family in FAMILIES}),
)
QUARTETS = tuple(combinations(FAMILIES, 4))
"""All quartets, in the order of `itertools.combinations`."""


@cache
def buildable() -> tuple[int, ...]:
    """Indices in QUARTETS of the quartets without a colliding pair, in order."""
    return tuple(
        place
        for place, quartet in enumerate(QUARTETS)
        if not any(a in quartet and b in quartet for a, b in COLLIDING)
    )


@cache
def assignment(place: int) -> Assignment:
    """The quartet at an index of QUARTETS, as a point of SPACE."""
    return Assignment(tuple(ExpertChoice(family, family) for family in QUARTETS[place]))
