"""How well does a screen foretell what training gives, and what do warm experts gain?

    python benchmarks/screening.py [--space tiny] [--dataset digits] [--quartets 24] [--banks 3]

For each bank (its own training seed): the bank, its screen, then the same stratified quartets
trained jointly from scratch and finetuned from the bank, each with two seeds. Kendall's τ of every
score of the screen against each, beside the τ of the two seeds with each other, which is the most a
score could reach; means and standard deviations over banks. Trains for a long time: two workers
take about 4 minutes a bank at the defaults.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from nas.campaign import CampaignConfig
from nas.campaign.bank import open_bank, wanted, with_starts
from nas.campaign.run import Voice, run
from nas.campaign.screening import screen_space
from nas.ledger import Ledger
from nas.ledger.screens import screened
from nas.space import load
from nas.spec import Choice, Space

SCORES = ("uniform", "uniform_loss", "static", "static_loss", "gate", "gate_loss", "oracle")
BASELINES = ("best_member", "params", "latency")
LESS = ("uniform_loss", "static_loss", "gate_loss")
SEEDS = (0, 1)


def only(space: Space, **settings: str) -> Space:
    """The space with one value of each of these choices, and of no other."""
    choices = tuple(Choice(name=name, values=(value,)) for name, value in sorted(settings.items()))
    return space.model_copy(update={"choices": choices})


def trained(ledger: Ledger, name: str, space: Space, config: CampaignConfig) -> pd.DataFrame:
    """A campaign's candidates after training, by members."""
    ledger.create_campaign(name, space, config.model_dump(mode="json"))
    run(ledger, name, config, Voice())
    attempts = ledger.attempts(name)
    return attempts[attempts["outcome"] == "ok"].set_index("members")


def measure(
    folder: Path, asked: argparse.Namespace, bank_seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """τ of each score by what it is held against; accuracies and seconds."""
    ledger = Ledger(folder / f"{bank_seed}.db", read_only=False)
    space = load(asked.space)
    shared = {
        "dataset": asked.dataset,
        "executor": "local",
        "workers": asked.workers,
        "controls": False,
        "keep_weights": "none",
    }
    bank = CampaignConfig(**shared, bank=True, hold_out=0.2, replicate=bank_seed)
    start = time.perf_counter()
    name, _ = open_bank(ledger, space, bank, wanted(space, bank))
    run(ledger, name, bank, Voice())
    filled = time.perf_counter()
    made = screen_space(ledger, space, bank, top=10**6, limit=10**6)
    scores = screened(ledger, made.ident).set_index("members")
    seconds = {"bank": filled - start, "screen": made.seconds / made.scored}

    found: dict[str, list[pd.DataFrame]] = {}
    scratch, warm = only(space, mixing="soft"), only(space, mixing="soft", start="finetuned")
    for seed in SEEDS:
        replicate = 2 * bank_seed + seed
        config = CampaignConfig(**shared, trials=asked.quartets, replicate=replicate)
        found.setdefault("scratch", []).append(trained(ledger, f"scratch{seed}", scratch, config))
        config = config.model_copy(update={"experts": name, "hold_out": 0.2})
        found.setdefault("finetuned", []).append(
            trained(ledger, f"finetuned{seed}", with_starts(warm), config)
        )
    taus: dict[str, float] = {}
    for how, (one, other) in found.items():
        both = one.index.intersection(other.index)
        taus[f"{how}: itself"] = kendalltau(
            one.loc[both, "val_acc"], other.loc[both, "val_acc"]
        ).statistic
        for score in (*SCORES, *BASELINES):
            sign = -1 if score in LESS else 1
            taus[f"{how}: {score}"] = float(
                np.mean(
                    [
                        kendalltau(sign * scores.loc[r.index, score], r["val_acc"]).statistic
                        for r in (one, other)
                    ]
                )
            )
        seconds[how] = float(pd.concat([one, other])["seconds"].mean())
        seconds[f"{how} val"] = float(pd.concat([one, other])["val_acc"].mean())
        seconds[f"{how} best"] = float(one["val_acc"].max())
    seconds["uniform val"] = float(scores.loc[found["scratch"][0].index, "uniform"].mean())
    seconds["gate val"] = float(scores.loc[found["scratch"][0].index, "gate"].mean())
    seconds["uniform best"] = float(scores["uniform"].max())
    return taus, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="tiny")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--quartets", type=int, default=24)
    parser.add_argument("--banks", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = [measure(Path(folder), asked, seed) for seed in range(asked.banks)]
    print(f"{asked.quartets} quartets of {asked.space} on {asked.dataset}, {asked.banks} banks")
    for title, rows in (
        ("Kendall's τ", [taus for taus, _ in every]),
        ("Seconds and accuracies", [seconds for _, seconds in every]),
    ):
        frame = pd.DataFrame(rows)
        print(f"\n{title}: mean ± sd over banks")
        for column in frame:
            spread = f" ± {frame[column].std():.3f}" if len(frame) > 1 else ""
            print(f"  {column:<26} {frame[column].mean():.4f}{spread}")


if __name__ == "__main__":
    main()
