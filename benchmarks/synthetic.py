"""A synthetic campaign of any size in a fresh ledger, written in bulk: for benchmarks.

Over `moe4`'s families, with planted family effects, failures, pruned candidates, two attempts for
some, thirty epochs for the first candidates and three for the others, and code as the template
renders it.
"""

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from nas import space as spaces
from nas.ledger import Ledger
from nas.ledger import models as m
from nas.render import render
from nas.schema import (
    Assignment,
    Candidate,
    DatasetInfo,
    ExpertAxis,
    ExpertChoice,
    Role,
    SearchConfig,
    Space,
    Task,
)
from nas.schema.candidate import Expert

BATCH = 2_000
LONG = 500
"""Candidates with all epochs of their recipe; the others have three, for the writing's sake."""
START = 1.75e9
MIXINGS = ("soft", "top1", "top2")
MESSAGE = "CUDA out of memory. Tried to allocate 1.20 GiB"
INPUTS = DatasetInfo(
    class_names=tuple("0123456789"),
    mean=(0.5,) * 3,
    std=(0.25,) * 3,
    train_images=45_000,
    val_images=5_000,
    test_images=10_000,
    val_counts=(500,) * 10,
)
ATTEMPT = {
    "environment_id": 1,
    "inputs_id": 1,
    "owner": "host/1/1/x",
    "device": "cuda:0",
    "folder": "1/x",
    "micro_batches": 1,
    "detail": "",
    "peak_memory_bytes": 2**30,
    "val_loss": 1.0,
    "val_images": 5000,
    "test_images": 10000,
}
EPOCH = {
    "train_loss": 1.0,
    "balance_loss": 0.1,
    "train_acc": 0.5,
    "lr": 1e-3,
    "gate_lr": 2e-3,
    "temperature": 2.0,
    "gate_entropy": 1.0,
    "seconds": 5.0,
    "peak_memory_bytes": 2**30,
}


def write(path: Path, attempts: int, families: int = 70) -> None:
    """A ledger with as many ended attempts."""
    Writer(path, space_of(families), attempts).write()


def space_of(families: int) -> Space:
    """`moe4` with its first families."""
    whole = spaces.load("moe4")
    assert whole.experts
    some = dict(islice(whole.experts.families.items(), families))
    return whole.with_(experts=ExpertAxis(k=4, families=some))


class Writer:
    """Rows of one synthetic campaign, in bulk."""

    def __init__(self, path: Path, space: Space, attempts: int, seed: int = 0) -> None:
        self.space, self.attempts = space, attempts
        self.rng = np.random.default_rng(seed)
        self.ledger = Ledger(path, read_only=False)
        config = SearchConfig(
            dataset="cifar10",
            sampler="uniform",
            seed=seed,
            budget_seconds=28 * 86400.0,
            scheduler="asha",
            gpus=1,
        )
        self.campaign = self.ledger.create_campaign("synthetic", space, config)
        names = space.families
        self.effect = dict(zip(names, self.rng.normal(0, 0.02, len(names)), strict=True))
        self.weak = {names[3]: 0.6, names[7]: 0.3}
        self.size = {x.model: int(self.rng.uniform(1e6, 2e7)) for _, x in space.members}
        self.codes: dict[Any, tuple[str, list[tuple[str, str]]]] = {}

    def write(self) -> None:
        versions = {
            "python": "3.11.2",
            "torch": "2.8.0",
            "timm": "1.0.22",
            "nas": "0.1.0",
            "platform": "Linux-6.1-x86_64",
            "cpus": 16,
            "gpus": ["NVIDIA RTX A5000"],
        }
        with self.ledger.session() as session:
            session.add(m.Environment(id=1, digest="0" * 64, data=versions))
            session.add(m.DatasetInfo(id=1, digest="0" * 64, data=INPUTS.model_dump(mode="json")))
        made = self.rows()
        while batch := list(islice(made, BATCH)):
            with self.ledger.session() as session:
                tables = (m.Candidate, m.Attempt, m.Epoch, m.Expert)
                for table, rows in zip(tables, zip(*batch, strict=True), strict=True):
                    if flat := [row for some in rows for row in some]:
                        session.execute(insert(table), flat)
        with self.ledger.session() as session:
            row = session.get_one(m.Campaign, self.campaign)
            row.created_at, row.worked_seconds, row.state = START, self.now - START, "done"
            event = {"family": self.space.families[3], "after": 6, "drawn": self.attempts}
            session.add(m.Event(campaign_id=row.id, at=self.now, kind="benched", data=event))
        self.ledger.close()

    def rows(self) -> Iterator[tuple[list[dict[str, Any]], ...]]:
        """(candidates, attempts, epochs, experts) of one candidate after the other."""
        self.now, number, attempt, seen = START, 0, 0, set[str]()
        controls = [ExpertChoice(family, x.model) for family, x in self.space.members]
        while attempt < self.attempts:
            picks = (controls.pop(),) if controls and number % 4 == 3 else self.quartet()
            mixing = () if len(picks) == 1 else (("mixing", str(self.rng.choice(MIXINGS))),)
            candidate = self.candidate(picks, mixing)
            if candidate["key"] in seen:
                continue
            seen.add(candidate["key"])
            number += 1
            tries = 2 if self.rng.random() < 0.03 and attempt + 2 <= self.attempts else 1
            yield self.results(candidate, number, attempt, tries)
            attempt += tries

    def quartet(self) -> tuple[ExpertChoice, ...]:
        assert self.space.experts
        chosen = self.rng.choice(len(self.space.families), 4, replace=False)
        families = [self.space.families[n] for n in sorted(chosen)]
        members = self.space.experts.families
        return tuple(
            ExpertChoice(f, members[f][int(self.rng.integers(len(members[f])))].model)
            for f in families
        )

    def candidate(self, picks: tuple[ExpertChoice, ...], choices: Any) -> dict[str, Any]:
        made = Candidate.of(self.space, Assignment(picks, choices), Task(dataset="cifar10"), "0")
        if len(picks) == 1:
            made = made.with_(template="single")
        params = sum(self.size[pick.model] for pick in picks) + 84_549
        return {
            "key": made.key,
            "families": "+".join(made.families),
            "code": self.code(made),
            "spec": made.model_dump(mode="json"),
            "params": params,
            "macs": params * 30,
            "role": Role.SEARCH if len(picks) > 1 else Role.CONTROL,
            "memory_bytes": params * 99,
        }

    def code(self, candidate: Candidate) -> str:
        """As rendered; once for each setting, then by names put in."""
        setting = (candidate.template, tuple(candidate.choices.items()), len(candidate.experts))
        if any(expert.member.args for expert in candidate.experts):
            return render(candidate)
        if setting not in self.codes:
            names = [(f"Family{n}", f"model{n}") for n in range(len(candidate.experts))]
            stand_ins = [Expert.model_validate(_expert(*name)) for name in names]
            made = candidate.with_(experts=tuple(stand_ins))
            self.codes[setting] = (render(made), names)
        text, names = self.codes[setting]
        for (family, model), expert in zip(names, candidate.experts, strict=True):
            text = text.replace(family, expert.family).replace(model, expert.member.model)
        return text

    def results(
        self, candidate: dict[str, Any], number: int, attempt: int, tries: int
    ) -> tuple[list[dict[str, Any]], ...]:
        drawn_at = self.now
        families = candidate["families"].split("+")
        outcome = self.outcome(candidate, families)
        value = 0.72 + sum(self.effect[f] for f in families) + self.rng.normal(0, 0.015)
        value = min(max(value, 0.1), 0.99) if outcome in ("ok", "pruned") else None
        planned = self.space.recipe.epochs if number <= LONG else 3
        epochs = {"ok": planned, "pruned": planned // 3}.get(outcome, 0)
        made, epoch_rows = [], []
        for n in range(1, tries + 1):
            last = n == tries
            seconds = float(self.rng.uniform(200, 600)) if last and value else 40.0
            made.append(
                {
                    **ATTEMPT,
                    "id": attempt + n,
                    "candidate_id": number,
                    "number": n,
                    "started_at": self.now,
                    "begun_at": self.now,
                    "seconds": seconds,
                    "outcome": outcome if last else "killed",
                    "epochs": epochs if last else 0,
                    "ended_at": self.now + seconds,
                    "stage": "" if last and value else "train",
                    "message": "" if last and value else MESSAGE,
                    "params": candidate["params"],
                    "val_acc": value if last else None,
                    "test_acc": value - 0.01 if last and outcome == "ok" else None,
                    "uniform_test_acc": value - 0.03 if last and outcome == "ok" else None,
                    "rung": 0 if last and outcome == "pruned" else None,
                }
            )
            self.now += seconds / 4
        use = self.rng.dirichlet([3.0] * len(families)).round(6).tolist()
        for epoch in range(1, epochs + 1):
            reached = (value or 0) * (1 - 0.7 * math.exp(-4 * epoch / planned))
            epoch_rows.append(
                {
                    **EPOCH,
                    "attempt_id": attempt + tries,
                    "epoch": epoch,
                    "usage": use,
                    "val_acc": reached,
                    "train_acc": reached,
                    "val_loss": 2.3 * (1 - reached),
                    "images_per_second": 3e10 / candidate["params"] * float(self.rng.uniform(1, 2)),
                }
            )
        experts = zip(families, candidate["spec"]["experts"], use, strict=True)
        expert_rows = [
            {
                "attempt_id": attempt + tries,
                "position": n,
                "family": f,
                "usage": u,
                "model": expert["member"]["model"],
                "val_acc": 0.5,
                "test_acc": 0.5,
            }
            for n, (f, expert, u) in enumerate(experts)
        ]
        row = {
            **candidate,
            "id": number,
            "campaign_id": self.campaign,
            "number": number - 1,
            "phase": 0,
            "micro_batches": 1,
            "deaths": tries - 1,
            "outcome": outcome,
            "val_acc": value,
            "drawn_at": drawn_at,
            "finished_at": self.now,
            "final_attempt": attempt + tries,
        }
        return [row], made, epoch_rows, expert_rows if outcome == "ok" else []

    def outcome(self, candidate: dict[str, Any], families: list[str]) -> str:
        if candidate["role"] == Role.CONTROL:
            return "ok"
        fate = self.rng.random()
        if fate < max(0.06, *(self.weak.get(f, 0.0) for f in families)):
            return str(self.rng.choice(("oom", "oom", "nan", "crash", "timeout")))
        return "pruned" if fate > 0.8 else "ok"


def _expert(family: str, model: str) -> dict[str, Any]:
    return {"family": family, "member": {"model": model}}
