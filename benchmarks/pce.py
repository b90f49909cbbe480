"""What does it gain to run all convolutional experts at once, and what does routing cost?

    python benchmarks/pce.py [--device cpu|cuda] [--widths W …] [--seconds S] [--json]

1. Against a Python loop over experts with boolean masks, `.any()` and boolean indexing, each of
   which waits for the device; twice. `source` is the source's layer: positions are computed and
   laid over the tokens in every pass, and at evaluation too the router's three losses are computed
   and what was routed is tallied, with three numbers read back. `loop` is the loop alone, with our
   router. A training step has the three losses in every way. Same weights, and equal results
   (checked before timing) with the capacity of a whole batch, which the loop has, as in the source;
   ours is timed with its default, the capacity of each image, which for one image is the same.
   For each batch size, width and number of experts, inference and a training step (forward and
   backward), of the whole network and of the sparse step alone: the first layer's, from tokens to
   the experts' weighted results. Ratios above 1 are gains; what loses is marked.
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
import os
import platform
import statistics
import time
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

# oneDNN keeps 1,024 compiled convolutions. The loop's shares have many sizes; thrown out and
# compiled again, they would be charged to whichever way comes first in a turn.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32768")

import torch
from pce_loop import Loop, auxiliary
from torch import nn

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

    def loop_of(self, model: Any, module: Any, as_source: bool) -> nn.Module:
        """The same network with a loop; without its own copy of the stacked experts."""
        looped: nn.Module = deepcopy(model)
        blocks: Any = looped.blocks
        for index, block in enumerate(blocks):
            if hasattr(block, "router"):
                blocks[index] = Loop(module, block, 2.0, as_source)
                del block.experts
        return looped

    def check(self, loop: Any, coupled: Any, module: Any) -> None:
        """The loop computes what the network does whose experts' places the batch shares."""
        x, layer = self.images(8), coupled.blocks[0]
        loop.eval(), coupled.eval()
        with torch.inference_mode():
            torch.testing.assert_close(loop(x), coupled(x), rtol=1e-4, atol=1e-5)
            # γ is small at first: results that differ would hardly show in the logits.
            tokens = module.unfold(coupled.stem(x), layer.patch)
            expected = loop.blocks[0].step(tokens)
            results = layer.sparse_step(tokens, layer.router(tokens).softmax(dim=1))[0]
            torch.testing.assert_close(results, expected, rtol=1e-4, atol=1e-5)

    def network(
        self, model: Any, x: torch.Tensor, training: bool, losses: bool = False
    ) -> Callable[[], None]:
        """A forward pass; in training backward too, with the routers' losses if they are wanted."""
        model.train(training)
        loops = [block for block in getattr(model, "blocks", ()) if isinstance(block, Loop)]
        routed = training and not loops and hasattr(model, "routed")

        def step() -> None:
            output = model.routed(x) if routed else model(x)
            if training:
                model.zero_grad()
                total = (output.logits if routed else output).square().mean()
                if losses:
                    layers = output.layers if routed else ()
                    total = total + sum(block.losses for block in loops)
                    total = total + sum(auxiliary(r.gate_logits, r.probs, r.chosen) for r in layers)
                total.backward()

        return step

    def sparse_step(self, layer: Any, tokens: torch.Tensor, training: bool) -> Callable[[], None]:
        """From tokens to results; in training backward too, with the router's losses."""
        tokens = tokens.clone().requires_grad_(training)
        layer.train(training)

        def ours() -> tuple[torch.Tensor, torch.Tensor | None]:
            logits = layer.router(tokens)
            probs = logits.softmax(dim=1)
            results, chosen, *_ = layer.sparse_step(tokens, probs)
            return results, auxiliary(logits, probs, chosen) if training else None

        def step() -> None:
            if isinstance(layer, Loop):
                results, losses = layer.step(tokens), layer.losses
            else:
                results, losses = ours()
            if training:
                layer.zero_grad()
                tokens.grad = None
                (results.square().mean() + losses).backward()

        return step

    def seconds(self, step: Callable[[], None], training: bool) -> float:
        self.synchronize()
        start = time.perf_counter()
        with torch.inference_mode(not training):
            step()
        self.synchronize()
        return time.perf_counter() - start

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def turns(self, ways: dict[str, Callable[[], None]], training: bool) -> dict[str, list[float]]:
        """Seconds of each way, round by round."""
        for step in ways.values():
            self.seconds(step, training)
        times: dict[str, list[float]] = {name: [] for name in ways}
        names = list(ways)
        start = time.perf_counter()
        while len(times[names[0]]) < 3 or time.perf_counter() - start < self.limit:
            for name in names:
                times[name].append(self.seconds(ways[name], training))
            # Each by turns is first, so that no place is favoured.
            names = [*names[1:], names[0]]
        return times


def compared(times: dict[str, list[float]], below: str) -> dict[str, Any]:
    """Each way's median ms, and its time over that of `below`: median and quartiles of rounds."""
    found: dict[str, Any] = {
        "rounds": len(times[below]),
        "ms": {name: 1000 * statistics.median(seconds) for name, seconds in times.items()},
    }
    for name, seconds in times.items():
        if name != below:
            ratios = [a / b for a, b in zip(seconds, times[below], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            found[name] = {"ratio": middle, "quartiles": [low, high]}
    return found


WAYS: dict[str, dict[str, Any]] = {
    "factor 1": {"capacity_factor": 1.0},
    "factor 2": {"capacity_factor": 2.0},
    "no capacity": {"capacity": "none"},
}
MODES = {"inference": False, "training": True}
PARTS = {"step": "sparse step", "network": "whole network"}


def against_loop(bench: Bench, widths: Sequence[int]) -> Iterator[dict[str, Any]]:
    """A row for each batch size, width and number of experts."""
    for width in widths:
        for experts in EXPERTS:
            module = bench.module(width=width, experts=experts, capacity="batch")
            coupled: Any = bench.build(width=width, experts=experts, capacity="batch")
            bench.spread(coupled)
            models: dict[str, Any] = {
                "source": bench.loop_of(coupled, module, as_source=True),
                "loop": bench.loop_of(coupled, module, as_source=False),
                "ours": bench.build(width=width, experts=experts),
            }
            models["ours"].load_state_dict(coupled.state_dict())
            for way in ("source", "loop"):
                bench.check(models[way], coupled, module)
            for batch in BATCHES:
                if bench.device.type == "cpu" and (batch, width) == CPU_LIMIT and experts != 4:
                    continue
                yield {"batch": batch, "width": width, "experts": experts} | timed(
                    bench, module, models, bench.images(batch)
                )


def timed(
    bench: Bench, module: Any, models: dict[str, Any], x: torch.Tensor
) -> dict[str, dict[str, Any]]:
    """The whole network, and the sparse step of its first layer, in both modes."""
    ours = models["ours"].eval()
    with torch.no_grad():
        tokens = module.unfold(ours.stem(x), ours.blocks[0].patch)
        layers = ours.routed(x).layers
    kept = torch.cat([layer.kept.any(dim=1) for layer in layers])
    row: dict[str, Any] = {"dropped": 1 - float(kept.float().mean()), "network": {}, "step": {}}
    for mode, training in MODES.items():
        networks = {
            name: bench.network(model, x, training, losses=True) for name, model in models.items()
        }
        steps = {
            name: bench.sparse_step(model.blocks[0], tokens, training)
            for name, model in models.items()
        }
        row["network"][mode] = compared(bench.turns(networks, training), "ours")
        row["step"][mode] = compared(bench.turns(steps, training), "ours")
    return row


def against_dense(bench: Bench, widths: Sequence[int]) -> Iterator[dict[str, Any]]:
    """A row for each batch size and width: four experts over one without a router."""
    for width in widths:
        dense = bench.build(width=width, experts=1)
        routed = {name: bench.build(width=width, experts=4, **way) for name, way in WAYS.items()}
        for model in routed.values():
            bench.spread(model)
        for batch in BATCHES:
            if bench.device.type == "cpu" and (batch, width) == CPU_LIMIT:
                continue
            x = bench.images(batch)
            row: dict[str, Any] = {"batch": batch, "width": width}
            for mode, training in MODES.items():
                steps = {
                    name: bench.network(model, x, training)
                    for name, model in {"dense": dense, **routed}.items()
                }
                row[mode] = compared(bench.turns(steps, training), "dense")
            yield row


def shown(found: dict[str, Any], worse: Callable[[float], bool]) -> str:
    low, high = found["quartiles"]
    mark = "!" if worse(found["ratio"]) else " "
    return f"{found['ratio']:5.2f}{mark}({low:.2f}–{high:.2f})"


def line_of(row: dict[str, Any], part: str) -> str:
    cells = []
    for mode in MODES:
        found = row[part][mode]
        gains = [f"{shown(found[way], lambda ratio: ratio < 1):<19}" for way in ("source", "loop")]
        cells.append(f"{found['ms']['source']:8.2f} {found['ms']['ours']:8.2f} {' '.join(gains)}")
    return (
        f"{row['batch']:>5} {row['width']:>5} {row['experts']:>7} {row['dropped']:>7.0%}  "
        f"{' '.join(cells)}".rstrip()
    )


def dense_line_of(row: dict[str, Any]) -> str:
    ratios = [
        f"{shown(row[mode][way], lambda ratio: ratio > 2):<18}" for way in WAYS for mode in MODES
    ]
    return f"{row['batch']:>5} {row['width']:>5}  {' '.join(ratios)}".rstrip()


@dataclass(frozen=True)
class Verdict:
    """An aim, and the ratios that were to reach it."""

    aim: str
    ratios: list[float]
    reached: int

    def __str__(self) -> str:
        met = "met" if self.reached == len(self.ratios) else "not met"
        low, high = min(self.ratios), max(self.ratios)
        cells = f"{self.reached} of {len(self.ratios)} cells, {low:.2f}–{high:.2f}"
        return f"{self.aim}: {met} ({cells})"


def verdicts(
    device: str, loop: list[dict[str, Any]], dense: list[dict[str, Any]]
) -> Iterator[Verdict]:
    """The requirements, and what was found."""
    if device == "cuda":
        where, least = "16 experts", 4
        cells = [row for row in loop if row["experts"] == 16]
    else:
        where, least = "batch 1, widths up to 16", 2
        cells = [row for row in loop if row["batch"] == 1 and row["width"] <= 16]
    for part, name in PARTS.items():
        for mode in MODES:
            for way, of in (("source", "the source"), ("loop", "the loop alone")):
                ratios = [row[part][mode][way]["ratio"] for row in cells]
                if ratios:
                    aim = f"{name}, {mode}, {where}: {of} at least {least} × ours"
                    yield Verdict(aim, ratios, sum(ratio >= least for ratio in ratios))
    same = [
        row[mode][way]["ratio"]
        for row in dense
        for way in ("factor 1", "no capacity")
        for mode in MODES
    ]
    yield Verdict("same executed MACs: at most 2 × dense", same, sum(ratio <= 2 for ratio in same))


def print_loop(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The whole network's lines as they come, the sparse step's after them."""
    columns = f"{'source':>8} {'ours':>8} {'source/ours':<19} {'loop/ours':<19} " * 2
    heading = (
        f"{'':>28} {'inference':<57} training\n"
        f"{'batch':>5} {'width':>5} {'experts':>7} {'dropped':>7}  {columns}".rstrip()
    )
    print(f"Whole network\n\n{heading}")
    shown_rows = []
    for row in rows:
        shown_rows.append(row)
        print(line_of(row, "network"), flush=True)
    print(f"\nSparse step of the first layer\n\n{heading}")
    for row in shown_rows:
        print(line_of(row, "step"))
    return shown_rows


def print_dense(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    print("\n4 experts over dense, time with quartiles, ! above 2: inference, training\n")
    heads = [f"{way:<37}" for way in WAYS]
    print(f"{'batch':>5} {'width':>5}   {' '.join(heads)}".rstrip())
    shown_rows = []
    for row in rows:
        shown_rows.append(row)
        print(dense_line_of(row), flush=True)
    return shown_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--device", choices=SETTINGS, default="cpu")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument(
        "--seconds", type=float, default=0.4, help="how long ways are compared, after 3 rounds"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options.device, options.seconds)
    rows = against_loop(bench, options.widths), against_dense(bench, options.widths)
    if options.json:
        print(json.dumps({"loop": list(rows[0]), "dense": list(rows[1])}, indent=2))
        return
    name = platform.processor() or platform.machine()
    if options.device == "cuda":
        name = torch.cuda.get_device_name()
    print(f"{name}, 1 thread, torch {torch.__version__}; {bench.setting.image_size} px")
    print("ms a batch; ratios with quartiles, ! where the loop is faster\n")
    loop, dense = print_loop(rows[0]), print_dense(rows[1])
    print()
    for verdict in verdicts(options.device, loop, dense):
        print(verdict)


if __name__ == "__main__":
    main()
