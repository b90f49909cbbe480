"""Banks with planted predictions, written as a worker writes them."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nas.experts import SPLITS, Bank, Entry, Part
from nas.schema import Candidate, DatasetInfo, Member, Recipe, Task
from nas.schema.candidate import Expert

IMAGES = {"held": 60, "val": 40, "test": 50}
CLASSES = 3


def candidate(family: str, model: str, **changes: object) -> Candidate:
    fields: dict[str, object] = {
        "template": "single",
        "template_hash": "t" * 16,
        "image_size": 32,
        "experts": (Expert(family=family, member=Member(model=model)),),
        "recipe": Recipe(),
        "task": Task(hold_out=0.2),
    }
    return Candidate.model_validate(fields | changes)


def labels(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        split: torch.randint(CLASSES, (IMAGES[split],), generator=generator) for split in SPLITS
    }


def put(
    bank: Bank,
    family: str,
    model: str = "",
    *,
    skill: float = 2.0,
    seed: int = 0,
    truth: dict[str, Tensor] | None = None,
    features: int | None = 5,
    limit: int | None = None,
    **changes: object,
) -> Entry:
    """An expert whose logits are noise, and `skill` more on the right class; `changes` are of its
    candidate."""
    chosen = candidate(family, model or f"{family}_s", **changes)
    generator = torch.Generator().manual_seed(seed)
    predictions = {}
    for split, y in (truth or labels()).items():
        logits = torch.randn(len(y), CLASSES, generator=generator)
        logits[torch.arange(len(y)), y] += skill
        seen = None if features is None else torch.randn(len(y), features, generator=generator)
        predictions[split] = (logits, y, None if seen is None else seen.half())
    val_logits, val, _ = predictions["val"]
    accuracy = float((val_logits.argmax(1) == val).float().mean())

    def describe(files: dict[str, Part]) -> Entry:
        return Entry(
            candidate=chosen,
            inputs=DatasetInfo(
                class_names=("a", "b", "c"),
                mean=(0.5,),
                std=(0.2,),
                train_images=100,
                val_images=len(val),
                test_images=len(predictions["test"][1]),
            ),
            held_images=len(predictions["held"][1]),
            features=features,
            val_acc=accuracy,
            test_acc=accuracy,
            params=1000,
            seconds=1.0,
            latency={1: 0.001, 32: 0.01},
            versions={"torch": "x", "timm": "y"},
            device="cpu",
            files=files,
        )

    return bank.put(
        chosen.key,
        lambda path: path.write_bytes(b"weights of " + model.encode()),
        predictions,
        describe,
        limit=limit,
    )


def fill(folder: Path, families: Sequence[str] = "abcde") -> tuple[Bank, list[Entry]]:
    """A bank with an expert of each family, of growing skill."""
    bank = Bank(folder)
    return bank, [
        put(bank, family, skill=0.5 + 0.4 * n, seed=n) for n, family in enumerate(families)
    ]
