"""What is published of timm's pretrained weights: accuracy on ImageNet-1k, size and cost.

`published.csv` has figures of huggingface/pytorch-image-models (`results/`, at aa4b5850) for
weights of at most 60 M parameters, measured at the size that they were trained at, up to 320 px.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PERMISSIVE = ("apache-2.0", "bsd-3-clause", "mit")
"""Licences that allow commercial use, and ask for no more than their text."""


@dataclass(frozen=True, slots=True)
class Published:
    """Published weights."""

    name: str
    """As timm names them, `MODEL.TAG`."""
    image_size: int
    top1: float
    """Accuracy on ImageNet-1k's validation images, in [0, 1]."""
    params: int
    macs: int
    """Of one image."""

    @property
    def model(self) -> str:
        """The timm model without the tag."""
        return self.name.partition(".")[0]


@lru_cache(maxsize=1)
def published() -> dict[str, Published]:
    """All of them by name."""
    text = Path(__file__).with_suffix(".csv").read_text(encoding="utf-8")
    return {
        row["weights"]: Published(
            row["weights"],
            int(row["px"]),
            float(row["top1"]) / 100,
            round(float(row["mparams"]) * 1e6),
            round(float(row["gmacs"]) * 1e9),
        )
        for row in csv.DictReader(text.splitlines())
    }


def best_by_family(
    *, max_params: int, max_macs: int, licences: Collection[str] = PERMISSIVE
) -> dict[str, Published]:
    """The weights with the best published accuracy of each timm module within the limits, the best
    family first. Of equals the smaller. Those that the installed timm lacks are passed over."""
    import timm
    from timm.models import get_pretrained_cfg

    here = set(timm.list_models(pretrained=True))
    within = [
        each
        for each in published().values()
        if each.params <= max_params and each.macs <= max_macs and each.name in here
    ]
    found: dict[str, Published] = {}
    for each in sorted(within, key=lambda e: (-e.top1, e.params, e.name)):
        cfg = get_pretrained_cfg(each.name)
        if cfg is not None and (not licences or cfg.license in licences):
            found.setdefault(_module_of(each.model), each)
    return found


def _module_of(model: str) -> str:
    """The timm module that a model is defined in: its family."""
    import timm

    return str(timm.model_entrypoint(model).__module__).rpartition(".")[2]
