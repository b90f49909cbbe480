"""How long does it take to score a whole space from cached predictions, and in what memory?

    python benchmarks/screen.py [--experts 29] [--images 10000] [--classes 10] [--top 1000]

Predictions are drawn, not learned: noise and more on the right class, experts of different skill.
Held-out images are as many as a fifth of CIFAR's training images. Targets: all 23,751 quartets of
29 experts on 10,000 validation images in 60 s on two cores for averages and oracles, in 2 GiB; the
top 1,000 with fitted probes, weights and gates in 5 minutes.
"""

import argparse
import os
import resource
import time
from math import comb

import numpy as np
import torch

from nas.experts import Entry
from nas.experts.averages import oracle, uniform
from nas.experts.components import ExpertPredictions
from nas.experts.fitting import gates, selection
from nas.experts.linear_probe import probes
from nas.experts.mixtures import enumerate_mixtures

HELD = 10_000


def experts(count: int, images: dict[str, int], classes: int, width: int = 32) -> ExpertPredictions:
    """Planted predictions; the entries are not looked at by what is timed."""
    generator = torch.Generator().manual_seed(0)
    labels = {
        split: torch.randint(classes, (n,), generator=generator) for split, n in images.items()
    }
    logits = {}
    for split, truth in labels.items():
        drawn = torch.randn(count, classes, len(truth), generator=generator)
        drawn[:, truth, torch.arange(len(truth))] += torch.linspace(0.5, 2.5, count)[:, None]
        logits[split] = drawn
    features = {
        split: torch.randn(len(truth), width, generator=generator)
        for split, truth in labels.items()
    }
    views = {
        split: torch.randn(count, len(truth), width, generator=generator) / width**0.5
        for split, truth in labels.items()
    }
    entries: tuple[Entry, ...] = ()
    return ExpertPredictions(entries, logits, labels, features, views)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experts", type=int, default=29)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--top", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    requests = parser.parse_args()
    torch.set_num_threads(requests.threads)
    sizes = {"held": HELD, "val": requests.images, "test": requests.images}
    table = experts(requests.experts, sizes, requests.classes)
    sets = enumerate_mixtures([f"f{n:02}" for n in range(requests.experts)], 4, limit=10**7)
    assert len(sets.members) == comb(requests.experts, 4)
    print(
        f"{len(sets.members):,} quartets of {requests.experts} experts, {requests.images:,} images,"
        f" {requests.classes} classes, {requests.threads} threads"
    )
    start = time.perf_counter()
    accuracy, loss = uniform(table.logits["val"], table.labels["val"], sets.members)
    middle = time.perf_counter()
    oracle(table.logits["val"], table.labels["val"], sets.members)
    end = time.perf_counter()
    print(f"averages {middle - start:.1f} s, oracles {end - middle:.2f} s", end="")
    print(f": {1e3 * (end - start) / len(sets.members):.3f} ms a quartet")
    order = np.lexsort((loss, -accuracy))[: requests.top]
    for name, fit in (("probes", probes), ("static weights", selection), ("gates", gates)):
        start = time.perf_counter()
        fit(table, sets.members[order])
        print(f"{name} of {len(order):,}: {time.perf_counter() - start:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB, torch and Python included")


if __name__ == "__main__":
    main()
