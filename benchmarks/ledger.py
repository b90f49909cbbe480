"""Resume and reports at 5,000 finished attempts.

`python benchmarks/ledger.py [--attempts 5000] [--json]`

A synthetic campaign of quartets out of 29 families is written into a fresh ledger. Then each thing
a person waits for is done in a new process, its start and imports counted: the way of `nas resume`
up to the next proposal, each report as printed, `nas status`. Targets: resume ≤ 10 s, report ≤ 3 s.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nas.ledger import Ledger
from nas.ledger import models as m
from nas.schema import (
    Assignment,
    Candidate,
    Choice,
    Epoch,
    ExpertAxis,
    ExpertChoice,
    Member,
    Recipe,
    Role,
    SearchConfig,
    Space,
    Status,
    Task,
)

TARGET_SECONDS = {"resume": 10.0, "report": 3.0}
SPACE = Space(
    name="synthetic",
    experts=ExpertAxis(
        k=4,
        families={
            f"family{n:02d}": tuple(Member(model=f"model{n:02d}_{size}") for size in "sml"[: n % 3])
            or (Member(model=f"model{n:02d}"),)
            for n in range(29)
        },
    ),
    choices=(Choice(name="mixing", values=("soft", "top1", "top2")),),
)
OUTCOMES = [Status.OK] * 7 + [Status.OOM, Status.NAN, Status.CRASH]


def write(path: Path, attempts: int) -> None:
    """A ledger with as many finished attempts, a tenth of them of controls and confirmations."""
    rng = random.Random(0)
    ledger = Ledger(path, read_only=False)
    campaign = ledger.create_campaign("synthetic", SPACE, SearchConfig())
    code = "# a line of a rendered file, about as long as they are\n" * 250
    tables: list[list[m.Base]] = [[m.Environment(id=1, digest="0" * 64, data={})], [], [], []]
    with ledger.session() as session:
        seen: set[str] = set()
        while len(seen) < attempts:
            number = len(seen)
            candidate, role = draw(rng, number, attempts)
            if candidate.key in seen:
                continue
            seen.add(candidate.key)
            status = Status.OK if role is not Role.SEARCH else rng.choice(OUTCOMES)
            made = rows(rng, campaign, number + 1, candidate, role, status, code)
            for table, row in zip((1, 2, *[3] * len(made)), made, strict=False):
                tables[table].append(row)
        for table_rows in tables:  # what others refer to comes first
            session.add_all(table_rows)
            session.flush()
    ledger.close()


def draw(rng: random.Random, number: int, attempts: int) -> tuple[Candidate, Role]:
    """A candidate of the search; towards the end, controls."""
    role = Role.SEARCH if number < 0.9 * attempts else Role.CONTROL
    assert SPACE.experts
    families = rng.sample(SPACE.families, 4 if role is Role.SEARCH else 1)
    picks = tuple(ExpertChoice(f, rng.choice(SPACE.experts.families[f]).model) for f in families)
    choices = (("mixing", rng.choice(("soft", "top1", "top2"))),)
    recipe = Recipe(lr=rng.uniform(1e-4, 1e-2)) if role is Role.CONTROL else Recipe()
    assignment = Assignment(picks, choices)
    space = SPACE.with_(recipe=recipe)
    return Candidate.of(space, assignment, Task(), "0" * 16), role


METRICS = {
    ("train", ""): {"loss_balance": 1.0123456789},
    **{
        (split, "gate"): {
            "active": 4.0,
            "dead": 0.0,
            "entropy_norm": 0.9123456789,
            "expert_shares": [0.2512345678, 0.2487654321, 0.2345678901, 0.2654321099],
            "gate_entropy": 1.2345678901,
            "imbalance": 1.1315789473,
            "spec_entropy": 0.8905439871,
        }
        for split in ("train", "val")
    },
}
"""Of one epoch of a mixture."""


def rows(
    rng: random.Random,
    campaign: int,
    number: int,
    candidate: Candidate,
    role: Role,
    status: Status,
    code: str,
) -> list[m.Base]:
    """A candidate, its attempt, two epochs and its experts."""
    ok = status is Status.OK
    value = rng.uniform(0.5, 0.95) if ok else None
    at = 1.7e9 + number
    figures = Epoch(
        epoch=1,
        train_loss=1.0,
        train_acc=0.5,
        val_loss=1.0,
        val_acc=0.5,
        lr=1e-3,
        usage=(0.25,) * 4,
        images_per_second=1000.0,
        seconds=5.0,
        peak_memory_bytes=2**28,
    ).model_dump(exclude={"epoch", "events", "metrics"})
    return [
        m.Candidate(
            id=number,
            campaign_id=campaign,
            role=role,
            number=number - 1,
            key=candidate.key,
            families="+".join(candidate.families),
            spec=candidate.model_dump(mode="json"),
            code=code,
            params=10**7,
            macs=10**9,
            memory_bytes=10**9,
            drawn_at=at,
            outcome=status,
            val_acc=value,
            finished_at=at + 10,
            final_attempt=number,
        ),
        m.Attempt(
            id=number,
            candidate_id=number,
            environment_id=1,
            number=1,
            owner="host/1/1/x",
            device="cpu",
            folder=f"{campaign}/{candidate.key}/{number}",
            started_at=at,
            ended_at=at + 10,
            outcome=status,
            stage="" if ok else "train",
            message="" if ok else "it failed",
            epochs=2,
            val_acc=value,
            test_acc=value,
            uniform_val_acc=value,
            uniform_test_acc=value,
            seconds=10.0,
            params=10**7,
        ),
        *(m.Epoch(attempt_id=number, epoch=n, **figures) for n in (1, 2)),
        *(
            m.Metrics(attempt_id=number, epoch=n, split=split, layer=layer, data=data)
            for n in (1, 2)
            for (split, layer), data in METRICS.items()
        ),
        *(
            m.Expert(
                attempt_id=number,
                position=position,
                family=expert.family,
                model=expert.member.model,
                val_acc=0.5,
                test_acc=0.5,
                usage=1 / len(candidate.experts),
            )
            for position, expert in enumerate(candidate.experts if ok else ())
        ),
    ]


RESUME = """
from nas.ledger import CampaignStore, Ledger, Owner
from nas.sample import make_sampler
from nas.schema import Phase
ledger = Ledger(PATH, read_only=False)
campaign = ledger.campaign()
store = CampaignStore(ledger, campaign.id, Owner.me())
assert store.reclaim() is None
sampler = make_sampler("stratified", campaign.space, 0)
assert sampler.propose(store.records(), Phase()) is not None
"""
REPORT = """
import nas
from rich.console import Console
from nas.report import render
Console().print(render(nas.table(NAME, nas.Ledger(PATH)), "table"))
"""
STATUS = (
    "from nas.ledger import Ledger; from nas.ledger.summary import summary; summary(Ledger(PATH))"
)


def seconds(script: str) -> tuple[float, float]:
    """Wall and processor time of a script in a process of its own."""
    wall, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    user, system = after[2] - before[2], after[3] - before[3]  # of children
    return time.perf_counter() - wall, user + system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=5000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    requests = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        write(path, requests.attempts)
        where = f"PATH = {str(path)!r}\n"
        took = {"resume": seconds(where + RESUME), "status": seconds(where + STATUS)}
        from nas.results import tables

        # Those of screens need a screen.
        for name in (name for name in tables() if not name.startswith("screen")):
            took[f"report {name}"] = seconds(f"{where}NAME = {name!r}\n{REPORT}")
    if requests.json:
        machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
        figures = {name: {"wall": wall, "cpu": cpu} for name, (wall, cpu) in took.items()}
        print(json.dumps({"attempts": requests.attempts, "machine": machine, "seconds": figures}))
        return
    for name, (wall, cpu) in took.items():
        target = TARGET_SECONDS.get(name.split(" ")[0])
        goal = f"  (target ≤ {target:.0f} s)" if target else ""
        print(f"{name:<22} {wall:6.2f} s, {cpu:5.2f} s of processor{goal}")


if __name__ == "__main__":
    main()
