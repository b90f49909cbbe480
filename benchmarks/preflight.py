"""Pre-flight of every quartet of 29 families: 29 profiles, then sums.

    python benchmarks/preflight.py [--json]

Takes the smallest member of 29 families spread over moe4, profiles each one as a campaign would, in
a process that may crash, and adds up parameters, MACs and memory of all C(29, 4) = 23,751 quartets,
fewer if a member fails here. The published campaign built each quartet: 50–500 ms each (arXiv
2606.23739).
"""

import argparse
import json
import platform
import sys
import time
from itertools import combinations
from math import comb

import torch

from nas import render, space
from nas.campaign.profiling import profile_members
from nas.hardware import device_bytes
from nas.measure import conditions, too_large
from nas.measure.gate import overhead
from nas.schema import Assignment, Candidate, Cost, ExpertChoice, Task

FAMILIES = 29


def measure() -> dict[str, float | int | str]:
    """Seconds of each part, and how many quartets fit this machine's memory."""
    moe4 = space.load("moe4")
    assert moe4.experts is not None
    names = [moe4.families[n * len(moe4.families) // FAMILIES] for n in range(FAMILIES)]
    members = {name: moe4.experts.families[name][0] for name in names}  # the smallest stands first

    at = conditions(moe4.image_size, moe4.channels, 10)
    start = time.perf_counter()
    found = profile_members(None, list(members.values()), at)
    profiling = time.perf_counter() - start
    profiles = [profile for profile in found.values() if profile.ok]
    failed = [model for model, profile in found.items() if not profile.ok]
    if len(profiles) < 4:
        sys.exit(f"only {len(profiles)} members work here; these fail: {', '.join(failed)}")

    picks = tuple(ExpertChoice(name, members[name].model) for name in names[:4])
    example = Candidate.of(
        moe4, Assignment(picks), Task(dataset="cifar10"), render.template_hash(moe4.template)
    )
    start = time.perf_counter()
    gate = overhead(render.render(example), moe4.image_size, moe4.channels)
    available = device_bytes(gpus=0)
    fits = 0
    for quartet in combinations(profiles, 4):
        needs = Cost.of(
            quartet,
            moe4.recipe.batch_size,
            extra_params=gate.params,
            extra_macs=gate.macs,
            extra_saved_bytes=gate.saved_bytes,
        )
        fits += too_large(needs, available) is None
    adding = time.perf_counter() - start

    quartets = comb(len(profiles), 4)
    return {
        "machine": f"{platform.machine()}, torch {torch.__version__}, one thread",
        "families": len(profiles),
        "failed": ", ".join(failed) or "none",
        "quartets": quartets,
        "quartets_that_fit": fits,
        "profiling_s": round(profiling, 2),
        "adding_s": round(adding, 3),
        "total_s": round(profiling + adding, 2),
        "us_per_quartet": round(1e6 * adding / quartets, 1),
        "ms_per_quartet_in_all": round(1e3 * (profiling + adding) / quartets, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures = measure()
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
