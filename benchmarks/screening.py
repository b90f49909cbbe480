"""How well does a screen predict what training gives, and what does it save?

    python benchmarks/screening.py [--dataset noisy-digits] [--banks 3] [--top 20] [--controls 40]

For each bank, which has a training seed of its own:

1. a stratified campaign of joint training from scratch, its first candidates once more with another
   seed;
2. the bank, the tuned bank, and a screen of each;
3. `--from-screen` of the tuned one: its best by one score (`--by`), finetuned, and a stratified
   control sample, twice with different seeds.

Kendall's τ of every score and baseline with finetuning (over the controls) and with joint training,
as a mean over the two seeds, beside the τ of the two seeds with each other; and what either way
reaches in equal worker time. `corrected` is fitted on the first seed's finetuned candidates, each
left out of its own fit. Means ± standard deviations over banks. Families are those of `tiny` whose
members take less than 4 s each; two workers need about a quarter of an hour a bank.

With `--folder` the ledgers stay there, and what they hold is not trained again: so a new score can
be held against the same trainings.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from nas.campaign.bank import bank_members, bank_of, existing_entries, open_bank
from nas.campaign.dataset import examine
from nas.campaign.run import Callbacks, run
from nas.campaign.screen import ScreenRun, screen_space
from nas.ledger import Ledger
from nas.ledger.screens import best_screened, known_of_all, lower_is_better, screen_of, screened
from nas.results.screen_validation import with_scores
from nas.sample import TopKWithControls
from nas.schema import (
    BankConfig,
    CampaignConfig,
    Choice,
    DataConfig,
    ScreenConfig,
    SearchConfig,
    Space,
)
from nas.space import load
from nas.stats.surrogate import cross_val_predict

SCORES = (
    *("uniform", "uniform_loss", "probe", "probe_loss", "static", "static_loss", "gate"),
    *("gate_loss", "oracle"),
)
BASELINES = ("best_member", "params", "macs", "latency", "grad_norm", "naswot")
FAMILIES = (
    *("byobnet", "convnext", "efficientnet", "mambaout", "mobilenetv3", "nfnet", "resnet"),
    *("starnet", "vit"),
)


def space_of() -> Space:
    """Some families of `tiny`, mixed softly."""
    space = load("tiny")
    others = [m.model for family, m in space.members if family not in FAMILIES]
    soft = (Choice(name="mixing", values=("soft",)),)
    return space.without(others).with_(choices=soft)


def trained(ledger: Ledger, name: str, space: Space, config: CampaignConfig) -> pd.DataFrame:
    """A campaign's candidates after training, in the order of draws."""
    if name not in ledger.campaign_names():
        ledger.create_campaign(name, space, config)
    run(ledger, name, config, Callbacks())
    attempts = ledger.attempts(name)
    return attempts[attempts["outcome"] == "ok"].sort_values("number", ignore_index=True)


def taus(name: str, seeds: list[pd.DataFrame], ledger: Ledger, ident: int) -> dict[str, float]:
    """Of each score with the accuracies of mixtures that were trained with both seeds."""
    one, other = (rows.set_index("members")["val_acc"] for rows in seeds)
    both = one.index.intersection(other.index)
    found = {f"{name}: two seeds": kendalltau(one[both], other[both]).statistic}
    first = seeds[0][["members", "macs"]]
    scores = with_scores(first, screened(ledger, ident), screen_of(ledger, ident))
    scores = scores.set_index("members").loc[both]
    for score in (*SCORES, *BASELINES):
        values = scores[score].astype(float) * (-1 if lower_is_better(score) else 1)
        each = [kendalltau(values, truth[both]).statistic for truth in (one, other)]
        found[f"{name}: {score}"] = float(np.mean(each))
    found[f"{name}: n"] = len(both)
    return found


def corrected(runs: list[pd.DataFrame], controls: set[str], ledger: Ledger, ident: int) -> float:
    """τ over the controls between accuracies and what the corrector predicts from all others."""
    scored = screened(ledger, ident)
    rows = runs[0][["families", "members", "val_acc", "macs"]]
    rows = with_scores(rows, scored, screen_of(ledger, ident))
    rows["predicted"] = cross_val_predict(rows, known_of_all(scored), [])
    rows = rows[rows["members"].isin(controls)].set_index("members")
    truths = [seed.set_index("members")["val_acc"].reindex(rows.index) for seed in runs]
    each = [kendalltau(rows["predicted"], truth, nan_policy="omit").statistic for truth in truths]
    return float(np.mean(each))


def best(rows: pd.DataFrame, of: str = "val_acc", test: str = "test_acc") -> tuple[float, float]:
    """The best validation accuracy and its test accuracy."""
    leader = rows.loc[rows[of].idxmax()]
    return float(leader[of]), float(leader[test])


def filled(
    ledger: Ledger, space: Space, config: BankConfig
) -> tuple[str, BankConfig, pd.DataFrame]:
    """A bank by its name, how it was asked for, and its attempts."""
    experts = bank_members(space, config)
    there = existing_entries(bank_of(ledger), experts)
    missing = [expert for expert in experts if expert.key not in there]
    name, _ = open_bank(ledger, space, config, missing, lambda: examine(config, print))
    run(ledger, name, config, Callbacks())
    attempts = ledger.attempts(name)
    return name, config, attempts[attempts["final"]]


def measure(folder: Path, requests: argparse.Namespace, bank_seed: int) -> dict[str, float]:
    ledger = Ledger(folder / f"{requests.dataset}-{bank_seed}.db", read_only=False)
    space = space_of()
    shared: dict[str, Any] = {
        "dataset": requests.dataset,
        "executor": "local",
        "workers": requests.workers,
        "seed": bank_seed,
    }
    alone: dict[str, Any] = {**shared, "controls": False, "keep_weights": "none"}
    random = SearchConfig(**alone, trials=requests.random, replicate=2 * bank_seed)
    scratch = trained(ledger, "scratch0", space, random)
    again = SearchConfig(**alone, trials=requests.repeated, replicate=2 * bank_seed + 1)
    repeated = trained(ledger, "scratch1", space, again)

    config = BankConfig(**shared, hold_out=0.2, replicate=bank_seed)
    bank, _, plain_cost = filled(ledger, space, config)
    tuned = config.with_(experts=bank)
    _, _, tuned_cost = filled(ledger, space, tuned)

    def screen_with(of: BankConfig, top: int) -> ScreenRun:
        data = {name: getattr(of, name) for name in DataConfig.model_fields}
        return screen_space(ledger, space, ScreenConfig(**data, top=top, limit=10**6))

    made = {name: screen_with(of, 1000) for name, of in (("plain", config), ("tuned", tuned))}
    averages = screen_with(config, 1)
    every = screened(ledger, made["tuned"].ident)
    bank_cost = plain_cost["seconds"].sum() + tuned_cost["seconds"].sum()
    screen_cost = made["tuned"].seconds * requests.workers  # it has all processors

    finetuned = Choice(name="start", values=("finetuned",))
    warm = space.with_(choices=(*space.choices, finetuned))
    first = made["tuned"].ident
    if "warm0" in ledger.campaign_names():  # a ledger that was kept
        kept = ledger.campaign("warm0").config
        assert isinstance(kept, SearchConfig)
        if (kept.by, kept.top) != (requests.by, requests.top):
            raise SystemExit(f"{folder} holds the best {kept.top} by {kept.by}")
        first = kept.screen or first
    from_screen = {
        "sampler": TopKWithControls.name,
        "screen": first,
        "top": requests.top,
        "by": requests.by,
        "experts": bank,
        "trials": requests.top + requests.controls,
    }
    chosen_of = {m for _, m in best_screened(ledger, first, requests.by, requests.top)}
    seeds = [SearchConfig(**alone, **from_screen, replicate=2 * bank_seed + n) for n in (0, 1)]
    runs = [trained(ledger, f"warm{n}", warm, of) for n, of in enumerate(seeds)]
    chosen = runs[0][runs[0]["members"].isin(chosen_of)]
    controls = [rows[~rows["members"].isin(chosen_of)] for rows in runs]
    found = {}
    for way, rows in (("finetuned", controls), ("scratch", [scratch, repeated])):
        for name, screen in made.items():
            found |= taus(f"{way}, {name}", rows, ledger, screen.ident)
    found["finetuned, tuned: corrected"] = corrected(
        runs, set(controls[0]["members"]), ledger, made["tuned"].ident
    )

    spent = scratch["seconds"].cumsum()
    paid = bank_cost + screen_cost + chosen["seconds"].sum()
    if spent.iloc[-1] < paid:
        raise SystemExit(f"{paid:.0f} s would train more from scratch: raise --random")
    equal = scratch[spent <= paid]
    found |= {
        "cost: bank, worker s": plain_cost["seconds"].sum(),
        "cost: tuning it, worker s": tuned_cost["seconds"].sum(),
        "cost: screen, wall s": made["tuned"].seconds,
        "cost: mixtures": made["tuned"].scored,
        "cost: averages, ms a mixture": 1000 * averages.seconds / averages.scored,
        "cost: all fits, ms a mixture": 1000 * made["tuned"].seconds / made["tuned"].scored,
        "cost: trained from scratch, s": scratch["seconds"].mean(),
        "cost: finetuned, s": runs[0]["seconds"].mean(),
        "mean val: scratch": scratch["val_acc"].mean(),
        "mean val: finetuned controls": controls[0]["val_acc"].mean(),
        "mean val: finetuned chosen": chosen["val_acc"].mean(),
        "mean val: finetuned chosen, other seed": runs[1]
        .loc[runs[1]["members"].isin(chosen_of), "val_acc"]
        .mean(),
        "mean val: screen's average, all": every["uniform"].mean(),
        "mean val: screen's probe, all": every["probe"].mean(),
    }
    ways = {
        "screen's best average": best(every, "uniform", "uniform_test"),
        "screen's best probe": best(every, "probe", "probe_test"),
        "screen's best gate": best(every, "gate", "gate_test"),
        "bank, screen and chosen": best(chosen),
        "random, equal time": best(equal),
        "random, all": best(scratch),
    }
    for way, (val, test) in ways.items():
        found[f"best: {way}, val"], found[f"best: {way}, test"] = val, test
    found["random: candidates in equal time"] = len(equal)
    found["random: candidates in all"] = len(scratch)
    goal = scratch["val_acc"].max()
    found["share of random's time to its best: random"] = (
        spent[scratch["val_acc"].idxmax()] / spent.iloc[-1]
    )
    found["share of random's time to its best: screen"] = _reached(
        goal, ways["screen's best average"][0], chosen, bank_cost + screen_cost
    ) / float(spent.iloc[-1])
    ledger.close()
    return found


def _reached(goal: float, average: float, chosen: pd.DataFrame, cheap: float) -> float:
    """Worker seconds until something is as good as `goal`; NaN where nothing was."""
    if average >= goal:
        return cheap
    there = chosen["val_acc"].to_numpy() >= goal
    if not there.any():
        return float("nan")
    return cheap + float(chosen["seconds"].cumsum().iloc[int(there.argmax())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="noisy-digits")
    parser.add_argument("--top", type=int, default=20)
    parser.add_argument("--controls", type=int, default=40)
    parser.add_argument("--random", type=int, default=60, help="trained from scratch")
    parser.add_argument("--repeated", type=int, default=24, help="of those, with another seed")
    parser.add_argument("--by", default="probe")
    parser.add_argument("--folder", type=Path, help="where ledgers are kept")
    parser.add_argument("--banks", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON line a bank too")
    requests = parser.parse_args()
    if requests.folder:
        requests.folder.mkdir(parents=True, exist_ok=True)
    every = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(requests.banks):
            every.append(measure(requests.folder or Path(folder), requests, seed))
            if requests.json:
                print(json.dumps(every[-1]), flush=True)
    frame = pd.DataFrame(every)
    print(f"{requests.dataset}, {requests.banks} banks: mean ± sd over banks (of how many)")
    for column in frame:
        known = frame[column].dropna()
        spread = f" ± {known.std():.3f}" if len(known) > 1 else ""
        print(f"  {column:<48} {known.mean():9.4f}{spread} ({len(known)})")


if __name__ == "__main__":
    main()
