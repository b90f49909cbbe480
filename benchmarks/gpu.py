"""Figures of a real GPU: memory against estimates, images a second, kernels, waiting, floors.

`python benchmarks/gpu.py [--device cuda|cpu] [--only NAME …] [--json FILE]`

Each section runs in a process of its own with a time cap of its own, 360 s together, so that what
crashes or hangs takes no other with it. `--device cpu` runs the same code at tiny sizes: a check of
this script, whose figures mean nothing. No data are needed but random images; nothing is fetched.

Targets: estimate ÷ allocated between 1.0 and 1.5, no wait for the device within a step, and at
least 0.8 of the additive floor (the four experts trained one after another).
"""

import argparse
import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from nas.data.batches import Data, Preparation, TensorSplit
from nas.hardware import versions
from nas.measure import conditions, cost
from nas.measure.gate import overhead
from nas.measure.profile import profile_member
from nas.render import render, template_hash
from nas.sample import make_sampler
from nas.schema import Candidate, MemberProfile, Record, Space, Task
from nas.space import load
from nas.train import load_model, procedure

CLASSES = 10


@dataclass(frozen=True)
class Sizes:
    """How much of everything: enough for a figure on a GPU, or to see the code run."""

    space: str
    quartets: int
    batch: int
    steps: int
    processes: tuple[int, ...]


SIZES = {
    "cuda": Sizes("moe4", quartets=12, batch=128, steps=30, processes=(1, 2, 4, 8)),
    "cpu": Sizes("tiny", quartets=1, batch=4, steps=1, processes=(1, 2)),
}


class Bench:
    """Candidates and random data on one device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device("cuda:0" if device == "cuda" else "cpu")
        self.sizes = SIZES[device]
        torch.set_num_threads(1)
        space = load(self.sizes.space)
        recipe = space.recipe.with_(batch_size=self.sizes.batch, epochs=1)
        self.space: Space = space.with_(recipe=recipe)

    def candidates(self, count: int) -> list[Candidate]:
        """The first of a stratified campaign with seed 0."""
        sampler = make_sampler("stratified", self.space, 0)
        records: list[Record] = []
        for number in range(count):
            point = sampler.propose(records)
            assert point is not None
            records.append(Record(number, point))
        digest = template_hash(self.space.template)
        return [Candidate.of(self.space, r.assignment, Task(), digest) for r in records]

    def data(self, batches: int) -> Data:
        """Random images: so many batches to train on, and one each to validate and test."""
        size, channels = self.space.image_size, self.space.channels
        generator = torch.Generator().manual_seed(0)
        ones = torch.ones(1, channels, 1, 1, device=self.device)
        prepare = Preparation(size, ones / 2, ones / 4, mirror=True)

        def split(count: int) -> TensorSplit:
            shape = (count * self.sizes.batch, channels, size, size)
            images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
            labels = torch.randint(CLASSES, (len(images),), generator=generator)
            return TensorSplit(images.to(self.device), labels.to(self.device), prepare)

        names = tuple(map(str, range(CLASSES)))
        return Data(split(batches), split(1), split(1), names, (0.5,) * 3, (0.25,) * 3)

    def training(self, code: str, candidate: Candidate, batches: int) -> "Training":
        torch.manual_seed(0)
        model = load_model(code, CLASSES)
        return Training(self, model, candidate, self.data(batches))

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


class Training:
    """Passes of the real training loop over a model."""

    def __init__(self, bench: Bench, model: nn.Module, candidate: Candidate, data: Data) -> None:
        self.bench = bench
        self.steps = data.train.steps(candidate.recipe.batch_size)
        make: Any = procedure(candidate.recipe.procedure)
        self.procedure = make(model, data, candidate.recipe, device=bench.device, seed=0)

    def run(self) -> float:
        """One pass of training steps alone; images a second."""
        self.bench.synchronize()
        start = time.perf_counter()
        self.procedure._train(1, 0)
        self.bench.synchronize()
        images = self.steps * self.bench.sizes.batch
        return images / (time.perf_counter() - start)


def alone(bench: Bench, candidate: Candidate) -> list[Candidate]:
    """Each expert of a candidate by itself, as the campaign's controls train it."""
    digest = template_hash("single")
    made = []
    for expert in candidate.experts:
        changes = {"template": "single", "template_hash": digest}
        made.append(candidate.with_(experts=(expert,), choices={}, **changes))
    return made


# Sections: each gives plain data, and says what is out of its target in `problems`


def device(bench: Bench) -> dict[str, Any]:
    """What this ran on."""
    found: dict[str, Any] = {"versions": versions(), "device": str(bench.device)}
    if bench.device.type == "cuda":
        known = torch.cuda.get_device_properties(bench.device)
        found["device"] = known.name
        found["capability"] = f"{known.major}.{known.minor}"
        found["memory_gib"] = known.total_memory / 2**30
        found["cuda"] = torch.version.cuda
    return found


def memory(bench: Bench) -> Iterator[dict[str, Any]]:
    """A row a quartet: what the pre-flight predicts, and what three steps took."""
    space = bench.space
    under = conditions(
        space.image_size, space.channels, CLASSES, bench.device.type, space.recipe.precision
    )
    profiles: dict[str, MemberProfile] = {}
    for candidate in bench.candidates(bench.sizes.quartets):
        for expert in candidate.experts:
            if expert.member.model not in profiles:
                profiles[expert.member.model] = profile_member(expert.member, under)
        row: dict[str, Any] = {"quartet": "+".join(candidate.families)}
        failed = [p.problem for e in candidate.experts if not (p := profiles[e.member.model]).ok]
        if failed:
            yield row | {"failed": failed[0]}
            continue
        code = render(candidate)
        gate = overhead(code, space.image_size, space.channels)
        estimate = cost(candidate, profiles, CLASSES, gate).memory_bytes
        assert estimate is not None
        row["estimate_mib"] = estimate / 2**20
        gc.collect()  # a model's cycles keep the last quartet's tensors
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        training = bench.training(code, candidate, batches=3)
        training.run()
        if bench.device.type == "cuda":
            row["allocated_mib"] = torch.cuda.max_memory_allocated() / 2**20
            row["reserved_mib"] = torch.cuda.max_memory_reserved() / 2**20
            row["ratio"] = row["estimate_mib"] / row["allocated_mib"]
        del training
        yield row


def speed(bench: Bench) -> Iterator[dict[str, Any]]:
    """Images a second of one quartet: in 1, 2, 4 and 8 processes at once, all of them together.

    They are started once, for it takes each most of half a minute to import all and to be warm.
    """
    context = multiprocessing.get_context("spawn")
    ends, work = [], []
    try:
        for _ in range(max(bench.sizes.processes)):
            ours, theirs = context.Pipe()
            ends.append(ours)
            process = context.Process(target=_pace, args=(bench.device.type, theirs))
            process.start()
            work.append(process)
            theirs.close()  # so that a death is heard
        ready = [end for end in ends if _heard(end) is not None]
        for count in bench.sizes.processes:
            for end in ready[:count]:
                with suppress(OSError):
                    end.send("go")
            each = [pace for end in ready[:count] if (pace := _heard(end)) is not None]
            if len(each) < count:
                yield {"processes": count, "failed": "a process died"}
                return
            total = sum(each)
            yield {"processes": count, "images_per_second": total, "each": median(each)}
    finally:
        for process in work:
            process.kill()
        for process in work:
            process.join(5)  # on a lost GPU it may never be gone


def _heard(end: Any) -> float | None:
    """What a process says; None where it has died."""
    try:
        reported: float = end.recv()
    except (EOFError, OSError):
        return None
    return reported


def _pace(device: str, end: Any) -> None:
    """In a process: two passes to warm up, then one for each message."""
    bench = Bench(device)
    [candidate] = bench.candidates(1)
    training = bench.training(render(candidate), candidate, bench.sizes.steps)
    for _ in range(2):
        pace = training.run()
    end.send(pace)
    with suppress(EOFError):
        while end.recv():
            end.send(training.run())


def step(bench: Bench) -> Iterator[dict[str, Any]]:
    """A row a quartet: kernels a step, the share of time the device is busy, and the floor: how
    fast its experts would be one after another."""
    for candidate in bench.candidates(min(4, bench.sizes.quartets)):
        training = bench.training(render(candidate), candidate, bench.sizes.steps)
        training.run()
        pace = median(training.run() for _ in range(3))
        del training
        kernels, busy = profiled(bench, candidate)
        slow = 0.0
        for one in alone(bench, candidate):
            single = bench.training(render(one), one, bench.sizes.steps)
            single.run()
            slow += 1 / single.run()
            del single
        yield {
            "quartet": "+".join(candidate.families),
            "images_per_second": pace,
            "kernels_per_step": kernels,
            "busy": busy,
            "floor": 1 / slow,
            "of_floor": pace * slow,
        }


PROFILED = 4
"""Steps that are profiled: thousands of kernels each, which a profiler keeps one by one."""


def profiled(bench: Bench, candidate: Candidate) -> tuple[float, float]:
    """Kernels a step, and the share of the time in which one runs. On a CPU: its operators."""
    from torch.profiler import ProfilerActivity, profile

    training = bench.training(render(candidate), candidate, min(PROFILED, bench.sizes.steps))
    training.run()
    cuda = bench.device.type == "cuda"
    activity = ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU
    with profile(activities=[activity], acc_events=True) as trace:
        start = time.perf_counter()
        training.run()
        seconds = time.perf_counter() - start
    wanted = torch.autograd.DeviceType.CUDA if cuda else torch.autograd.DeviceType.CPU
    kernels = [
        event
        for event in trace.events()
        if event.device_type == wanted and not event.name.startswith(("Mem", "ProfilerStep"))
    ]
    busy = sum(e.device_time if cuda else e.self_cpu_time_total for e in kernels) / 1e6
    return len(kernels) / training.steps, min(1.0, busy / seconds)


def waits(bench: Bench) -> Iterator[dict[str, Any]]:
    """A row a quartet: how often a training step waits for the device.

    The loop looks at the loss in every 25th step and at the end, so as often in a pass of 30 steps
    as of 40: what the longer one waits for more, each step waits for.
    """
    for candidate in bench.candidates(min(4, bench.sizes.quartets)):
        counts = {}
        few, more = bench.sizes.steps, bench.sizes.steps + 10
        for steps in (few, more):
            training = bench.training(render(candidate), candidate, steps)
            training.run()
            with synchronizations(bench.device) as found:
                training.run()
            counts[steps] = len(found)
            del training
        yield {
            "quartet": "+".join(candidate.families),
            "mixing": str(candidate.choices.get("mixing")),
            "waits_per_step": (counts[more] - counts[few]) / (more - few),
            "where": sorted(set(found))[:3],
        }


WAITED = "called a synchronizing"
"""What torch says at a wait. It also says once that the mode that tells them is a prototype."""


@contextmanager
def synchronizations(device: torch.device) -> Iterator[list[str]]:
    """The places where a block waits for the device, as torch tells them."""
    found: list[str] = []
    if device.type != "cuda":
        yield found
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode("default")
    for warning in caught:
        if WAITED in str(warning.message):
            found.append(f"{Path(warning.filename).name}:{warning.lineno}")


@dataclass(frozen=True)
class Section:
    """Something to measure."""

    run: Callable[[Bench], Any]
    seconds: float
    """What it may take; beyond, it is ended and the next one begins."""


SECTIONS = {
    "device": Section(device, 30.0),
    "memory": Section(memory, 140.0),
    "speed": Section(speed, 90.0),
    "step": Section(step, 60.0),
    "waits": Section(waits, 40.0),
}


def measure(name: str, device: str) -> dict[str, Any]:
    """A section in a process of its own: `seconds`, `rows` (all it got to), and `problem`."""
    start = time.perf_counter()
    limit = SECTIONS[name].seconds * (1 if device == "cuda" else 5)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [sys.executable, __file__, "--child", name, "--device", device],
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        problem = None
        try:
            child.wait(limit)
        except subprocess.TimeoutExpired:
            problem = f"not done in {limit:g} s"
        finally:  # an interruption too; its own processes must not stay on the card
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):  # on a lost GPU it may never be gone
                child.wait(5)
        out.seek(0)
        err.seek(0)
        lines = out.read().decode("utf-8", "replace").splitlines()
        rows = [json.loads(line.removeprefix("row ")) for line in lines if line.startswith("row ")]
        if problem is None and child.returncode:
            last = err.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            problem = f"ended with {child.returncode}: {last}"
    return {"seconds": time.perf_counter() - start, "rows": rows, "problem": problem}


def shown(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Rows as a table in text."""
    for row in rows:
        cells = []
        for name, value in row.items():
            cells.append(f"{name} {value:,.2f}" if isinstance(value, float) else f"{name} {value}")
        yield "  " + "  ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--device", choices=SIZES, default="cuda")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=SECTIONS, help=argparse.SUPPRESS)
    requests = parser.parse_args()
    if requests.child:
        found = SECTIONS[requests.child].run(Bench(requests.device))
        for row in [found] if isinstance(found, dict) else found:
            print("row " + json.dumps(row), flush=True)
        return
    if requests.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here; --device cpu checks this script alone")
    result = {}
    for name in requests.only:
        result[name] = found = measure(name, requests.device)
        print(
            f"{name} ({found['seconds']:.0f} s){': ' if found['problem'] else ''}"
            f"{found['problem'] or ''}"
        )
        print(*shown(found["rows"]), sep="\n", flush=True)
        if requests.json:  # as far as it got
            requests.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    sys.exit(any(found["problem"] for found in result.values()))


if __name__ == "__main__":
    main()
