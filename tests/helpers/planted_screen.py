"""A campaign drawn from a screen, with known worths of families."""

from itertools import combinations
from pathlib import Path

import numpy as np
from ledger_maker import Maker

from nas.ledger.records import ScreenExpert
from nas.ledger.screens import SCORES, put_screen
from nas.schema import Choice, ExpertAxis, Member, Recipe, ScreenConfig, Space

FAMILIES = tuple("abcdefgh")
SPACE = Space(
    name="eight",
    experts=ExpertAxis(k=2, families={f: (Member(model=f"{f}_s"),) for f in FAMILIES}),
    choices=(Choice(name="mixing", values=("soft", "top1")),),
    recipe=Recipe(epochs=2),
)


def planted(
    folder: Path,
    noise: float,
    seed: int = 0,
    trained: int = 28,
    fitted: int = 28,
    **requests: str | int,
) -> Maker:
    """28 pairs whose trained accuracy is what the screen said and noise; the best six chosen."""
    rng = np.random.default_rng(seed)
    worth = dict(zip(FAMILIES, np.linspace(0, 0.2, 8), strict=True))
    truth = {(a, b): 0.5 + worth[a] + worth[b] for a, b in combinations(FAMILIES, 2)}
    ranked = sorted(truth, key=lambda pair: -truth[pair])
    config = {"sampler": "screen", "screen": 1, "top": 6, "by": "uniform", "dataset": "digits"}
    maker = Maker(folder / "runs.db", space=SPACE, **config | requests)
    rows = [
        {
            "families": "+".join(pair),
            "members": "+".join(f"{f}_s" for f in pair),
            **dict.fromkeys(SCORES),
            "uniform": truth[pair],
            "probe": truth[pair] + 0.01 if n < fitted else None,
            "uniform_loss": 1 - truth[pair],
            "params": float(rng.random()),
            "gate": truth[pair] if n < 20 else None,  # fitted for the best alone
            "gate_loss": 1 - truth[pair] if n < 20 else None,
        }
        for n, pair in enumerate(ranked)
    ]
    experts = [
        ScreenExpert(f, f, f"{f}_s", val_acc=0.5, seconds=2.0, proxies={"naswot": worth[f]})
        for f in FAMILIES
    ]
    put_screen(
        maker.ledger,
        SPACE,
        ScreenConfig(dataset="digits", top=max(1, fitted)),
        experts,
        rows,
        total=28,
        val_images=100,
        test_images=50,
        seconds=0.28,
    )
    for n, pair in enumerate(ranked[:trained]):
        value = float(np.clip(truth[pair] + noise * rng.standard_normal(), 0, 1))
        mixing = "soft" if n % 2 else "top1"
        maker.trained(*(f"{f}_s" for f in pair), val=value, mixing=mixing)
    return maker
