"""From which width and batch on is a sparse head really faster than a dense one?

    python benchmarks/sparse_heads.py [--json] [--plot FILE.svg]

Renders `heads` with `head: sparse` (top-2) and with `head: dense` of the same total hidden width,
and times both at evaluation on one CPU thread, in fp32:

- head: what follows a ResNet-18 of width 64, from its 512 features of each image on. 8×64 is the
  head of arXiv 2601.15021;
- whole network: from 32×32 images on, where the dense head has a large share of the network's
  multiply-accumulates.

The gate is centred over random inputs, so that it uses all experts: the more of them run, the more
weights are read, so a gate that always takes the same two would only look better. Experts store
their weights as (inputs, outputs), nn.Linear in the other order, which for one image matters; so
dense is timed in both (dense, reordered), and sparse is compared with the faster. The three are
timed batch by batch in turns, each as often first, so that a slow minute hits them alike. Figures
are medians over turns of the ratio within a turn, with the quartiles; where the upper one is below
1, sparse is called faster.
"""

import argparse
import json
import platform
import statistics
import time
import types
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.measure.meta import count_macs
from nas.render import render
from nas.schema import Candidate, Recipe, Task

CLASSES = 10
SIZE = 32
TOP_K = 2
WIDTH = 64
"""Of the backbone whose features the heads by themselves get."""
HEADS = [(8, 64), (8, 512), (32, 512), (64, 512)]
"""Experts, hidden units of each."""
NETWORKS = [(8, 64, 1024), (8, 64, 2048)]
"""Backbone width, experts, hidden units of each."""
BATCHES = (1, 8, 64, 512)
TARGET = 0.5
"""Of dense, at each batch, for 32×512."""
WAYS = ("dense", "reordered", "sparse")
Ways = dict[str, Callable[[torch.Tensor], torch.Tensor]]


def build(head: str, width: int, experts: int, hidden: int) -> Any:
    """A rendered network at evaluation."""
    candidate = Candidate(
        template="heads",
        template_hash="",
        image_size=SIZE,
        choices={"head": head, "width": width, "experts": experts, "hidden": hidden}
        | ({"top_k": TOP_K} if head == "sparse" else {}),
        recipe=Recipe(),
        task=Task(),
    )
    module = types.ModuleType("rendered")
    exec(compile(render(candidate), "rendered", "exec"), module.__dict__)
    return module.build(CLASSES).eval()


def centre(gate: nn.Module, features: torch.Tensor) -> None:
    """Makes every expert's scores over these features (N, D) zero on average and equally wide."""
    mean = features.mean(dim=0)
    weight = gate.score.weight
    weight -= torch.outer(weight @ mean, mean) / mean.square().sum()
    weight /= (features @ weight.T).std(dim=0).unsqueeze(1)


def head_alone(experts: int, hidden: int) -> Ways:
    """The heads by themselves, of features (B, D, 1, 1)."""
    dense, sparse = (build(head, WIDTH, experts, hidden) for head in ("dense", "sparse"))
    dense = nn.Sequential(nn.Flatten(), dense[-1])
    sparse.backbone = nn.Identity()
    centre(sparse.gate, torch.rand(1024, 8 * WIDTH))
    return {"dense": dense, "reordered": reordered(dense), "sparse": sparse}


def whole_network(width: int, experts: int, hidden: int) -> Ways:
    """The networks, of images (B, 3, H, W), on one backbone."""
    dense, sparse = (build(head, width, experts, hidden) for head in ("dense", "sparse"))
    sparse.backbone = dense[0]
    centre(sparse.gate, sparse.features(images(1024)))
    return {"dense": dense, "reordered": reordered(dense), "sparse": sparse}


def reordered(dense: nn.Sequential) -> nn.Sequential:
    """The same network, with the weights of its head stored as (inputs, outputs)."""
    head = deepcopy(dense[-1])
    for layer in (head[0], head[-1]):
        layer.weight.data = layer.weight.t().contiguous().t()
    return nn.Sequential(*dense[:-1], head)


def images(count: int) -> torch.Tensor:
    """Noise of different contrast and colour from image to image."""
    contrast = torch.rand(count, 1, 1, 1) * 2
    return torch.randn(count, 3, SIZE, SIZE) * contrast + torch.randn(count, 3, 1, 1)


def macs(width: int, experts: int, hidden: int) -> tuple[int, int, int]:
    """Of one image: the dense network, its head alone, the sparse network."""
    dense, sparse = (build(head, width, experts, hidden) for head in ("dense", "sparse"))
    x = torch.zeros(1, 3, SIZE, SIZE)
    whole = count_macs(dense, x)
    return whole, whole - count_macs(dense[0], x), count_macs(sparse, x)


def seconds(work: Callable[[torch.Tensor], Any], x: torch.Tensor) -> float:
    start = time.perf_counter()
    work(x)
    return time.perf_counter() - start


def measure(ways: Ways, batches: list[torch.Tensor], at_least: int, budget: float) -> Any:
    """Seconds of each way over the same batches, in turns: at least that many turns, and more until
    the budget of seconds is used up."""
    for x in batches[:2]:
        for work in ways.values():
            work(x)
    turns: list[dict[str, float]] = []
    end = time.perf_counter() + budget
    while len(turns) < at_least or time.perf_counter() < end:
        x = batches[len(turns) // 3 % len(batches)]
        first = len(turns) % 3
        turns.append({way: seconds(ways[way], x) for way in WAYS[first:] + WAYS[:first]})
    middles = {way: statistics.median(turn[way] for turn in turns) for way in WAYS}
    base = min(("dense", "reordered"), key=lambda way: middles[way])
    low, middle, high = statistics.quantiles((t["sparse"] / t[base] for t in turns), n=4)
    row = {f"{way}_ms": 1000 * seconds for way, seconds in middles.items()}
    return row | {"ratio": middle, "quartiles": [low, high], "turns": len(turns)}


def used(sparse: Any, batches: list[torch.Tensor]) -> float:
    """How many experts run for a batch, on average."""
    chosen = [sparse.routed(x).layers[0].chosen for x in batches]
    return sum(int(c.any(dim=0).sum()) for c in chosen) / len(chosen)


def run(at_least: int, budget: float) -> list[dict[str, Any]]:
    """One row for each head or network and batch."""
    rows = []
    for experts, hidden in HEADS:
        ways = head_alone(experts, hidden)
        for size in BATCHES:
            batches = [torch.rand(size, 8 * WIDTH, 1, 1) for _ in range(8)]
            row = {"kind": "head", "width": WIDTH, "experts": experts, "hidden": hidden}
            row |= {"batch": size, "used": used(ways["sparse"], batches)}
            rows.append(row | measure(ways, batches, at_least, budget))
    for width, experts, hidden in NETWORKS:
        whole, head, routed = macs(width, experts, hidden)
        ways = whole_network(width, experts, hidden)
        for size in BATCHES:
            batches = [images(size) for _ in range(8 if size < 512 else 2)]
            row = {"kind": "whole network", "width": width, "experts": experts, "hidden": hidden}
            row |= {"head_share": head / whole, "macs": routed / whole}
            row |= {"batch": size, "used": used(ways["sparse"], batches)}
            rows.append(row | measure(ways, batches, at_least, budget))
    return rows


def name(row: dict[str, Any]) -> str:
    head = f"{row['experts']}×{row['hidden']}"
    if row["kind"] == "head":
        return head
    return f"{head} on width {row['width']}, {row['head_share']:.0%} of MACs"


def grouped(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows by head or network, batches in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    return found


def wins_from(rows: list[dict[str, Any]], by: str) -> str:
    """The smallest batch (or other key) from which on sparse is faster in every row."""
    first = None
    for row in reversed(rows):
        if row["quartiles"][1] >= 1:
            break
        first = row[by]
    return "never" if first is None else str(first)


def print_table(rows: list[dict[str, Any]]) -> None:
    print(f"{platform.processor() or platform.machine()}, 1 thread, torch {torch.__version__}")
    print(
        f"sparse top-{TOP_K} ÷ dense of equal total width, the faster order of its weights; "
        "ms a batch, ratio with quartiles"
    )
    kind = ""
    for label, group in grouped(rows).items():
        if group[0]["kind"] != kind:
            kind = group[0]["kind"]
            print(f"\n{kind:<34} batch  experts used     dense  reordered    sparse   sparse/dense")
        for row in group:
            low, high = row["quartiles"]
            print(
                f"{label:<34} {row['batch']:>5} {row['used']:>13.1f} {row['dense_ms']:>9.3f} "
                f"{row['reordered_ms']:>10.3f} {row['sparse_ms']:>9.3f}   "
                f"{row['ratio']:.3f} ({low:.3f}–{high:.3f})"
            )
    print("\nsparse is faster from this batch on")
    for label, group in grouped(rows).items():
        print(f"{label:<34} {wins_from(group, 'batch'):>5}")
    print("\nat this batch, from this many experts × hidden units on, as a head")
    for size in BATCHES:
        heads = [row for row in rows if row["kind"] == "head" and row["batch"] == size]
        print(f"{size:<34} {wins_from([row | {'name': name(row)} for row in heads], 'name'):>5}")
    aim = [row["ratio"] for row in rows if row["kind"] == "head" and name(row) == "32×512"]
    print(f"\n32×512: at most {max(aim):.2f} of dense at any batch (target below {TARGET})")


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Ratios by batch, a line for each head or network, as matplotlib writes the file's form."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = dict(zip(("head", "whole network"), figure.subplots(1, 2, sharey=True), strict=True))
    for label, group in grouped(rows).items():
        ratios = [row["ratio"] for row in group]
        spread = [[abs(row["quartiles"][end] - row["ratio"]) for row in group] for end in (0, 1)]
        axes[group[0]["kind"]].errorbar(
            [row["batch"] for row in group], ratios, spread, marker="o", markersize=4, label=label
        )
    for kind, part in axes.items():
        part.axhline(1, color="black", linewidth=0.8, linestyle=":")
        part.set(xscale="log", yscale="log", title=kind, xlabel="batch")
        part.set_xticks(BATCHES, map(str, BATCHES))
        part.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
        part.minorticks_off()
        part.spines[["top", "right"]].set_visible(False)
        part.legend(frameon=False, fontsize=8)
    axes["head"].set_ylabel("time of sparse ÷ dense")
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="also draw them: .svg, .pdf, .png"
    )
    parser.add_argument("--turns", type=int, default=9, help="how often each is timed at least")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="how long each is timed at least"
    )
    options = parser.parse_args()
    if options.turns < 2:
        parser.error("quartiles need at least 2 turns")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.inference_mode():
        rows = run(options.turns, options.seconds)
    if options.plot:
        plot(rows, options.plot)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
