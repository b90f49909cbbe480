"""What does it gain to run all convolutional experts at once, and what does routing cost?

    python benchmarks/pce.py [--device cpu|cuda] [--widths W …] [--seconds S] [--json]

1. Against the source's way: a Python loop over experts with boolean masks, `.any()` and boolean
   indexing, each of which waits for the device. Same weights, same capacity, equal logits (checked
   before timing); the source's telemetry is left out, which favours the loop. For each batch size,
   width and number of experts, inference and a training step (forward and backward). Ratios above
   1 are gains; what loses is marked.
2. Routed with 4 experts against the same network with one expert and no router, which has as many
   MACs: at capacity factor 1 and without capacity the same are executed, at factor 2 the experts'
   twice.

On a CPU, one thread and 32 px, 16 tokens an image; on a GPU the published network at 224 px, 49
tokens. The routers' biases are centred so that all experts are used. Ways are timed in turns, so
that a slow minute hits all alike; figures are medians over rounds of the ratio within a round, with
the quartiles.
"""

import argparse
import json
import math
import os
import platform
import statistics
import time
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

# oneDNN keeps 1,024 compiled convolutions. The loop's shares have many sizes; thrown out and
# compiled again, they would be charged to whichever way comes first in a turn.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32768")

import torch
from torch import nn
from torch.nn import functional

from nas.render import render, template_hash
from nas.schema import Candidate, Recipe, Task

CLASSES = 10
BATCHES = (1, 8, 32)
WIDTHS = (8, 16, 64)
EXPERTS = (2, 4, 8, 16)


@dataclass(frozen=True)
class Setting:
    """A network's size."""

    image_size: int
    choices: dict[str, Any]


SETTINGS = {
    "cpu": Setting(32, {"stem": "small", "patch": 8, "stages": 3}),
    "cuda": Setting(224, {"stem": "large", "patch": 16, "stages": 4}),
}
CPU_LIMIT = (32, 64)
"""Batch and width whose steps take seconds on a CPU: four experts alone are timed there."""


class Loop(nn.Module):
    """A routed layer as its source runs it: one expert after another, tokens picked by masks."""

    def __init__(self, module: Any, layer: Any, factor: float) -> None:
        super().__init__()
        self.unfold = module.unfold
        self.layer = layer
        self.factor = factor
        channels, experts = layer.experts.channels, layer.experts.experts
        self.experts = nn.ModuleList(
            module.ConvExperts(channels, 1, layer.experts.first.kernel_size[0])
            for _ in range(experts)
        )
        for index, expert in enumerate(self.experts):
            rows = slice(index * channels, (index + 1) * channels)
            state = layer.experts.state_dict()
            expert.load_state_dict({name: value[rows] for name, value in state.items()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.unfold(x, self.layer.patch)
        probs = self.layer.router(tokens).softmax(dim=1)
        count, experts = probs.shape
        places = math.ceil(self.factor * count / experts)
        best, index = probs.max(dim=1)
        mask = functional.one_hot(index, experts)
        order = best.argsort(descending=True, stable=True)
        ranks = torch.empty_like(mask).index_copy(0, order, mask[order].cumsum(dim=0) - 1)
        kept = mask.bool() & (ranks < places)
        place = functional.one_hot(ranks.clamp(0, places - 1), places)
        dispatch = kept.unsqueeze(2) & place.bool()
        combine = (best / best.detach()).view(-1, 1, 1) * dispatch
        token, expert_of, slot = dispatch.nonzero(as_tuple=True)
        results = torch.zeros_like(tokens)
        for e, expert in enumerate(self.experts):
            chosen = expert_of == e
            if chosen.any():
                rows = token[chosen]
                weight = combine[rows, e, slot[chosen]].view(-1, 1, 1, 1)
                results.index_add_(0, rows, expert(tokens[rows]) * weight)
        merged: torch.Tensor = self.layer.merge(tokens, results, x)
        return merged


class Bench:
    """Models of one setting on one device."""

    def __init__(self, device: str, seconds: float) -> None:
        self.device = torch.device(device)
        self.setting = SETTINGS[device]
        self.limit = seconds

    def module(self, **choices: Any) -> Any:
        candidate = Candidate(
            template="pce",
            template_hash=template_hash("pce"),
            image_size=self.setting.image_size,
            experts=(),
            choices=self.setting.choices | choices,
            recipe=Recipe(),
            task=Task(),
        )
        module = types.ModuleType("rendered")
        exec(compile(render(candidate), "rendered", "exec"), module.__dict__)
        return module

    def build(self, **choices: Any) -> nn.Module:
        torch.manual_seed(0)
        model: nn.Module = self.module(**choices).build(CLASSES).to(self.device)
        return model

    def images(self, count: int) -> torch.Tensor:
        """Noise of different contrast and colour from image to image."""
        size = self.setting.image_size
        contrast = torch.rand(count, 1, 1, 1) * 2
        x = torch.randn(count, 3, size, size) * contrast + torch.randn(count, 3, 1, 1)
        return x.to(self.device)

    def spread(self, model: Any) -> None:
        """Centres every router's logits over tokens, so that no expert is favoured."""
        x = self.images(32)
        model.eval()
        with torch.inference_mode():
            for index, router in enumerate(model.routers):
                logits = model.routed(x).layers[index].gate_logits
                router.score.bias -= logits.mean(dim=0) * router.temperature

    def loop_of(self, model: Any, module: Any) -> nn.Module:
        """The same network with the source's loop; without its own copy of the stacked experts."""
        looped = deepcopy(model)
        for index, block in enumerate(looped.blocks):
            if hasattr(block, "router"):
                looped.blocks[index] = Loop(module, block, 2.0)
                del block.experts
        return looped.to(self.device)

    def seconds(self, model: nn.Module, x: torch.Tensor, training: bool) -> float:
        model.train(training)
        self.synchronize()
        start = time.perf_counter()
        with nullcontext() if training else torch.inference_mode():
            logits = model(x)
            if training:
                model.zero_grad()
                logits.square().mean().backward()
        self.synchronize()
        return time.perf_counter() - start

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def ratios(
        self, above: nn.Module, below: nn.Module, x: torch.Tensor, training: bool
    ) -> dict[str, Any]:
        """Time of one model over that of another: median, quartiles, and each one's median ms."""
        for model in (above, below):
            self.seconds(model, x, training)
        rounds: list[tuple[float, float]] = []
        start = time.perf_counter()
        while len(rounds) < 3 or time.perf_counter() - start < self.limit:
            # By turns first and second, so that neither place is favoured.
            if len(rounds) % 2:
                second = self.seconds(below, x, training)
                rounds.append((self.seconds(above, x, training), second))
            else:
                first = self.seconds(above, x, training)
                rounds.append((first, self.seconds(below, x, training)))
        low, middle, high = statistics.quantiles((a / b for a, b in rounds), n=4)
        return {
            "ratio": middle,
            "quartiles": [low, high],
            "rounds": len(rounds),
            "ms": [1000 * statistics.median(r[i] for r in rounds) for i in (0, 1)],
        }


def against_loop(bench: Bench, widths: Sequence[int]) -> Iterator[dict[str, Any]]:
    """A row for each batch size, width and number of experts."""
    for width in widths:
        for experts in EXPERTS:
            module = bench.module(width=width, experts=experts, capacity="batch")
            coupled: Any = bench.build(width=width, experts=experts, capacity="batch")
            bench.spread(coupled)
            loop = bench.loop_of(coupled, module)
            ours: Any = bench.build(width=width, experts=experts)
            ours.load_state_dict(coupled.state_dict())
            with torch.inference_mode():
                x = bench.images(8)
                torch.testing.assert_close(loop(x), coupled(x), rtol=1e-4, atol=1e-5)
            for batch in BATCHES:
                if bench.device.type == "cpu" and (batch, width) == CPU_LIMIT and experts != 4:
                    continue
                x = bench.images(batch)
                with torch.inference_mode():
                    layers = ours.eval().routed(x).layers
                kept = torch.cat([layer.kept.any(dim=1) for layer in layers])
                yield {
                    "batch": batch,
                    "width": width,
                    "experts": experts,
                    "dropped": 1 - float(kept.float().mean()),
                    "inference": bench.ratios(loop, ours, x, training=False),
                    "training": bench.ratios(loop, ours, x, training=True),
                }


def against_dense(bench: Bench, widths: Sequence[int]) -> Iterator[dict[str, Any]]:
    """A row for each batch size and width: four experts over one without a router."""
    ways = {
        "factor 1": {"capacity_factor": 1.0},
        "factor 2": {"capacity_factor": 2.0},
        "no capacity": {"capacity": "none"},
    }
    for width in widths:
        dense = bench.build(width=width, experts=1)
        routed = {name: bench.build(width=width, experts=4, **way) for name, way in ways.items()}
        for model in routed.values():
            bench.spread(model)
        for batch in BATCHES:
            if bench.device.type == "cpu" and (batch, width) == CPU_LIMIT:
                continue
            x = bench.images(batch)
            row: dict[str, Any] = {"batch": batch, "width": width}
            for name, model in routed.items():
                for training in (False, True):
                    mode = "training" if training else "inference"
                    row[f"{name}, {mode}"] = bench.ratios(model, dense, x, training)
            yield row


def shown(found: dict[str, Any], worse: Callable[[float], bool]) -> str:
    low, high = found["quartiles"]
    mark = "!" if worse(found["ratio"]) else " "
    return f"{found['ratio']:5.2f}{mark}({low:.2f}–{high:.2f})"


def print_loop(row: dict[str, Any]) -> None:
    cells = []
    for mode in ("inference", "training"):
        loop, ours = row[mode]["ms"]
        gain = shown(row[mode], lambda ratio: ratio < 1)
        cells.append(f"{loop:8.1f} {ours:8.1f} {gain:<19}")
    print(
        f"{row['batch']:>5} {row['width']:>5} {row['experts']:>7} {row['dropped']:>7.0%}  "
        f"{cells[0]} {cells[1]}".rstrip(),
        flush=True,
    )


def print_dense(row: dict[str, Any]) -> None:
    ratios = [
        f"{shown(found, lambda ratio: ratio > 2):<18}"
        for found in row.values()
        if isinstance(found, dict)
    ]
    print(f"{row['batch']:>5} {row['width']:>5}  {' '.join(ratios)}".rstrip(), flush=True)


def targets(
    device: str, loop: list[dict[str, Any]], dense: list[dict[str, Any]]
) -> Iterator[tuple[str, int, int]]:
    """What is aimed at; how many cells reach it, and of how many."""
    modes = ("inference", "training")
    if device == "cuda":
        cells = [row[mode]["ratio"] for row in loop if row["experts"] == 16 for mode in modes]
        yield "16 experts: loop at least 4 × ours", sum(c >= 4 for c in cells), len(cells)
    else:
        small = [row for row in loop if row["batch"] == 1 and row["width"] <= 16]
        for mode in modes:
            cells = [row[mode]["ratio"] for row in small]
            text = f"{mode}, batch 1, widths 8 and 16: loop at least 2 × ours"
            yield text, sum(c >= 2 for c in cells), len(cells)
    same = [
        row[f"{way}, {mode}"]["ratio"]
        for row in dense
        for way in ("factor 1", "no capacity")
        for mode in modes
    ]
    yield "same executed MACs: at most 2 × dense", sum(c <= 2 for c in same), len(same)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--device", choices=SETTINGS, default="cpu")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument(
        "--seconds", type=float, default=0.4, help="how long two ways are compared, after 3 rounds"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options.device, options.seconds)
    name = platform.processor() or platform.machine()
    if options.device == "cuda":
        name = torch.cuda.get_device_name()
    out = (lambda *_, **__: None) if options.json else print
    out(f"{name}, 1 thread, torch {torch.__version__}; {bench.setting.image_size} px")
    out("ms a batch; loop/ours with quartiles, ! where the loop is faster\n")
    out(
        f"{'':>28} {'inference':<37} training\n"
        f"{'batch':>5} {'width':>5} {'experts':>7} {'dropped':>7}  "
        + f"{'loop':>8} {'ours':>8} {'loop/ours':<20}"
        * 2
    )
    loop, dense = [], []
    for row in against_loop(bench, options.widths):
        loop.append(row)
        if not options.json:
            print_loop(row)
    out("\n4 experts over dense, time with quartiles, ! above 2: inference, training\n")
    heads = [f"{way:<37}" for way in ("factor 1", "factor 2", "no capacity")]
    out(f"{'batch':>5} {'width':>5}   {' '.join(heads)}".rstrip())
    for row in against_dense(bench, options.widths):
        dense.append(row)
        if not options.json:
            print_dense(row)
    if options.json:
        print(json.dumps({"loop": loop, "dense": dense}, indent=2))
        return
    print()
    for text, reached, of in targets(options.device, loop, dense):
        print(f"{text}: {reached} of {of} cells")


if __name__ == "__main__":
    main()
