"""A driver over a real ledger and a scripted executor: the campaign's logic without training."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nas.campaign.audit_watch import AuditWatch
from nas.campaign.constraints import constraints_of
from nas.campaign.driver import CampaignDriver
from nas.campaign.proposals import Proposer
from nas.campaign.timer import BudgetTimer
from nas.execute import Idle
from nas.hardware import MemoryReader
from nas.ledger import CampaignStore, Ledger, NewCandidate, Owner
from nas.render import code_of
from nas.sample import make_sampler
from nas.schema import (
    CampaignConfig,
    Candidate,
    Choice,
    Cost,
    Epoch,
    ExpertAxis,
    Member,
    Outcome,
    Recipe,
    Role,
    SearchConfig,
    Space,
    Status,
    Trial,
)

Script = Callable[[Trial], Iterator[Epoch | Outcome]]


def small_space(families: int = 6, k: int = 2, epochs: int = 2) -> Space:
    return Space(
        name="small",
        experts=ExpertAxis(
            k=k, families={f"f{i}": (Member(model=f"m{i}"),) for i in range(families)}
        ),
        choices=(Choice(name="mixing", values=("soft", "top1")),),
        recipe=Recipe(epochs=epochs),
    )


def epoch(number: int, val_acc: float = 0.5) -> Epoch:
    return Epoch(
        epoch=number,
        train_loss=1.0,
        train_acc=0.5,
        val_loss=1.0,
        val_acc=val_acc,
        lr=1e-3,
        images_per_second=100.0,
        seconds=1.0,
        peak_memory_bytes=1,
    )


def ok(trial: Trial, val_acc: float = 0.5) -> Iterator[Epoch | Outcome]:
    """Every epoch, then success."""
    epochs = trial.candidate.recipe.epochs
    for n in range(1, epochs + 1):
        yield epoch(n, val_acc)
    yield Outcome(status=Status.OK, val_acc=val_acc, epochs=epochs, seconds=1.0)


def ending(status: Status, **fields: Any) -> Script:
    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        yield Outcome(status=status, message="scripted", **fields)

    return script


class PlainProposer(Proposer):
    """The real one, but for rendering and probing: one cost for all."""

    def __init__(
        self, space: Space, config: CampaignConfig, phase: int, memory_bytes: int = 1
    ) -> None:
        super().__init__(
            space,
            config.task,
            make_sampler(config.sampler, space, config.seed),
            {},
            num_classes=10,
            bench_after=config.bench_after,
            constraints=constraints_of(config, {}),
            phase=phase,
        )
        self.memory_bytes = memory_bytes

    def ready(self, candidate: Candidate) -> NewCandidate:
        code, refusal = code_of(candidate, self.render)
        cost = Cost(params=1, macs=1, memory_bytes=self.memory_bytes)
        return NewCandidate(candidate=candidate, code=code, cost=cost, refusal=refusal)

    def render(self, candidate: Candidate) -> str:
        return "pass\n"


class Bench:
    """One campaign in one ledger; `drive()` makes a new driver, as a new process would."""

    def __init__(self, folder: Path, space: Space | None = None, **config: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.ledger = Ledger(folder / "runs.db", read_only=False)
        self.space = space or small_space()
        self.config = SearchConfig(**{"trials": 4, "controls": False, **config})
        self.id = self.ledger.create_campaign("c", self.space, self.config)
        self.messages: list[str] = []
        self.trials: list[Trial] = []

    def drive(
        self,
        *,
        memory_bytes: int = 1,
        device_bytes: int = 100,
        data_bytes: int = 0,
        memory: MemoryReader | None = None,
        only: Role | None = None,
    ) -> CampaignDriver:
        store = CampaignStore(self.ledger, self.id, Owner.me())
        row = self.ledger.campaign("c")
        proposer = PlainProposer(
            self.space,
            self.config,
            store.begin_phase(constraints_of(self.config, {})),
            memory_bytes,
        )
        return CampaignDriver(
            self.config,
            store,
            proposer,
            BudgetTimer(row.worked_seconds, self.config.budget_seconds),
            environment_id=store.environment({}),
            device_bytes=device_bytes,
            data_bytes=data_bytes,
            memory=memory,
            audit=AuditWatch(store, self.space, proposer.sampler.bias()),
            only=only,
            on_message=self.messages.append,
        )

    def run(self, script: Script = ok, driver: CampaignDriver | None = None) -> CampaignDriver:
        """Runs a driver to its end, one trial after another, as the inline executor would."""
        driver = driver or self.drive()
        while (trial := driver.next()) is not Idle.DONE:
            assert isinstance(trial, Trial), "a single worker never has to wait"
            self.trials.append(trial)
            driver.started(trial.attempt)
            for event in script(trial):
                if isinstance(event, Outcome):
                    driver.done(trial.attempt, event)
                elif not driver.epoch(trial.attempt, event):
                    break
                driver.tick()
        driver.close()
        return driver

    def outcomes(self, role: str = "search") -> list[tuple[int, str | None]]:
        """(number, final outcome) of every candidate of a role."""
        from sqlalchemy import select

        from nas.ledger import models as m

        with self.ledger.session() as session:
            rows = session.execute(
                select(m.Candidate.number, m.Candidate.outcome)
                .where(m.Candidate.role == role)
                .order_by(m.Candidate.number)
            )
            return [(number, outcome) for number, outcome in rows]

    def attempts(self) -> list[str | None]:
        """Outcomes of all attempts, in order."""
        from sqlalchemy import select

        from nas.ledger import models as m

        with self.ledger.session() as session:
            return list(session.scalars(select(m.Attempt.outcome).order_by(m.Attempt.id)))


def scripts(*each: Script) -> Script:
    """The first script for the first trial, and so on; the last one for all the rest."""
    waiting = deque(each)

    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        return (waiting.popleft() if len(waiting) > 1 else waiting[0])(trial)

    return script
