"""Does top-1 inference cost what it has to, and no more?

    python benchmarks/topk_inference.py [--json]

Renders one mixture of four real timm CNNs with `mixing: top1`, and times on one CPU thread, at
64 px and batches of 1, 8, 32 and 128 images:

- dense: each of the four experts on the whole batch, one after another, Σ cₑ(B);
- routed: the rendered model at evaluation: gate, dispatch, each expert on its own images;
- limit: the gate, and each expert on exactly the images it was given, already gathered:
  gate + Σ cₑ(pₑB). What no dispatch can go below.

Shares pₑ are those the gate really gave; its last bias is centred so that all experts are used.
Small batches are summed over several, since one image's cost is that of the expert it went to.
The three are timed batch by batch in turns, so that a slow minute hits all alike; figures are
medians over rounds of the ratio within a round, with the quartiles.
"""

import argparse
import json
import os
import platform
import statistics
import time
import types
from collections.abc import Callable
from typing import Any

# oneDNN keeps 1,024 compiled convolutions. The share sizes here need more; thrown out and
# compiled again, they would be charged to whichever way comes first in a turn.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32768")

import torch

from nas.render import render, template_hash
from nas.schema import Candidate, Member, Recipe, Task
from nas.schema.candidate import Expert

EXPERTS = {
    "EfficientNet": "efficientnet_b0",
    "MobileNetV3": "mobilenetv3_large_100",
    "RegNet": "regnetx_004",
    "ResNet": "resnet18",
}
SIZE = 64
CLASSES = 10
BATCHES = {1: 16, 8: 6, 32: 2, 128: 1}
"""Batch size → how many batches one round sums over."""
TARGET = 1.1


def build_model() -> Any:
    """The rendered top-1 mixture, at evaluation, its gate spread over the four experts."""
    candidate = Candidate(
        template="moe4",
        template_hash=template_hash("moe4"),
        image_size=SIZE,
        experts=tuple(Expert(family=f, member=Member(model=m)) for f, m in EXPERTS.items()),
        choices={"mixing": "top1"},
        recipe=Recipe(),
        task=Task(),
    )
    module = types.ModuleType("rendered")
    exec(compile(render(candidate), "rendered", "exec"), module.__dict__)
    model = module.build(CLASSES).eval()
    with torch.inference_mode():
        logits = model.gate(images(256))
        model.gate.head[-1].bias -= (logits * model.gate.temperature).mean(dim=0)
    return model


def images(count: int) -> torch.Tensor:
    """Noise of different contrast and colour from image to image."""
    contrast = torch.rand(count, 1, 1, 1) * 2
    return torch.randn(count, 3, SIZE, SIZE) * contrast + torch.randn(count, 3, 1, 1)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure_round(model: Any, batches: list[torch.Tensor]) -> dict[str, float]:
    """Seconds of each way over the same batches."""
    total = {"dense": 0.0, "routed": 0.0, "limit": 0.0}
    for x in batches:
        chosen = model.gate(x).argmax(dim=1)
        shares = [x[chosen == e] for e in range(len(model.experts))]

        def limit(x: torch.Tensor = x, shares: list[torch.Tensor] = shares) -> None:
            model.gate(x)
            for expert, share in zip(model.experts, shares, strict=True):
                if len(share):
                    expert(share)

        total["dense"] += seconds(lambda x=x: [expert(x) for expert in model.experts])
        # Outside and inside, so that neither place in the turn is favoured.
        total["limit"] += seconds(limit) / 2
        total["routed"] += seconds(lambda x=x: model(x)) / 2
        total["routed"] += seconds(lambda x=x: model(x)) / 2
        total["limit"] += seconds(limit) / 2
    return total


def run(rounds: int) -> list[dict[str, Any]]:
    """One row a batch size: seconds, and the ratios with their quartiles."""
    model = build_model()
    data = {size: [images(size) for _ in range(n)] for size, n in BATCHES.items()}
    for batches in data.values():
        measure_round(model, batches)
    times: dict[int, list[dict[str, float]]] = {size: [] for size in BATCHES}
    for _ in range(rounds):
        for size, batches in data.items():
            times[size].append(measure_round(model, batches))
    rows = []
    for size, measured in times.items():
        chosen = torch.cat([model.gate(x).argmax(dim=1) for x in data[size]])
        shares = chosen.bincount(minlength=len(EXPERTS)) / len(chosen)
        row: dict[str, Any] = {"batch": size, "shares": [round(s, 3) for s in shares.tolist()]}
        for way in ("dense", "routed", "limit"):
            middle = statistics.median(t[way] for t in measured)
            row[f"{way}_ms"] = 1000 * middle / len(data[size])
        for name, over, under in (
            ("routed_to_dense", "routed", "dense"),
            ("limit_to_dense", "limit", "dense"),
            ("routed_to_limit", "routed", "limit"),
        ):
            low, middle, high = statistics.quantiles((t[over] / t[under] for t in measured), n=4)
            row[name], row[f"{name}_quartiles"] = middle, [low, high]
        rows.append(row)
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    print(f"{platform.processor() or platform.machine()}, 1 thread, torch {torch.__version__}")
    print(f"{', '.join(EXPERTS.values())} at {SIZE} px; ms a batch, ratios with quartiles\n")
    print(
        f"{'batch':>5} {'dense':>8} {'top-1':>8} {'limit':>8}   "
        f"{'top-1/dense':<20} {'limit/dense':<20} top-1/limit (≤ {TARGET})"
    )
    for row in rows:
        ratios = []
        for name in ("routed_to_dense", "limit_to_dense", "routed_to_limit"):
            low, high = row[f"{name}_quartiles"]
            ratios.append(f"{row[name]:.3f} ({low:.3f}–{high:.3f})")
        print(
            f"{row['batch']:>5} {row['dense_ms']:>8.1f} {row['routed_ms']:>8.1f} "
            f"{row['limit_ms']:>8.1f}   {ratios[0]:<20} {ratios[1]:<20} {ratios[2]}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--rounds", type=int, default=9, help="how often each is timed")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("quartiles need at least 2 rounds")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.inference_mode():
        rows = run(options.rounds)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
