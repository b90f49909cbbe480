"""Small ledgers with known contents, written through the same API a campaign uses."""

from pathlib import Path

from nas.ledger import CampaignStore, LeasedCandidate, Ledger, NewCandidate, Owner
from nas.schema import (
    Assignment,
    Candidate,
    Choice,
    Cost,
    DatasetInfo,
    Epoch,
    ExpertAxis,
    ExpertChoice,
    ExpertScore,
    Member,
    MemberProfile,
    Metric,
    Outcome,
    ProfileConditions,
    Recipe,
    Role,
    Space,
    Status,
    Task,
    TrainingEvent,
    campaign_config,
)

SPACE = Space(
    name="toy",
    experts=ExpertAxis(
        k=2,
        families={
            "ant": (Member(model="ant_s"),),
            "bee": (Member(model="bee_s"), Member(model="bee_m")),
            "cat": (Member(model="cat_s"),),
            "dog": (Member(model="dog_s"),),
        },
    ),
    choices=(Choice(name="mixing", values=("soft", "top1")),),
    recipe=Recipe(epochs=2),
)
CODE = '"""A model."""\n\n\ndef build(num_classes):\n    return None\n'
CONDITIONS = ProfileConditions(
    image_size=32,
    channels=3,
    num_classes=10,
    torch="2.8",
    timm="1.0",
    device="cpu",
    precision="fp32",
    memory_format="contiguous",
)
INPUTS = DatasetInfo(
    class_names=tuple("0123456789"),
    mean=(0.3, 0.3, 0.3),
    std=(0.4, 0.4, 0.4),
    train_images=700,
    val_images=100,
    test_images=200,
    val_counts=(10,) * 10,
)
PROBE = MemberProfile(
    member=Member(model="bee_m", args={"img_size": 32}), ok=True, params=7, batch=32
)
COST = Cost(params=1000, macs=2000, memory_bytes=3000)


def epoch(number: int = 1, val_acc: float = 0.5, seconds: float = 2.0) -> Epoch:
    return Epoch(
        epoch=number,
        train_loss=1.5,
        balance_loss=0.1,
        train_acc=0.4,
        val_loss=1.2,
        val_acc=val_acc,
        lr=1e-3,
        gate_lr=2e-3,
        temperature=2.0,
        gate_entropy=0.6,
        usage=(0.25, 0.75),
        metrics=(
            Metric(name="loss_balance", split="train", value=1.25),
            Metric(name="gate_entropy", split="val", layer="gate", value=0.6),
            Metric(name="expert_shares", split="val", layer="gate", value=(0.25, 0.75)),
        ),
        images_per_second=100.0,
        seconds=seconds,
        peak_memory_bytes=4000,
    )


class Maker:
    """A writable ledger with one campaign, and the verbs that fill it."""

    def __init__(
        self,
        path: Path | str,
        *,
        space: Space = SPACE,
        name: str = "first",
        owner: Owner | None = None,
        **config: object,
    ) -> None:
        self.path = path
        self.inputs: DatasetInfo | None = INPUTS
        self.space = space
        self.name = name
        self.ledger = Ledger(path, read_only=False)
        self.campaign = self.ledger.create_campaign(name, space, campaign_config(config))
        self.store = CampaignStore(self.ledger, self.campaign, owner or Owner.me())
        self.environment = self.store.environment({"python": "3.11"})

    def candidate(self, *models: str, mixing: str = "soft", replicate: int = 0) -> Candidate:
        family = {member.model: family for family, member in self.space.members}
        return Candidate.of(
            self.space,
            Assignment(
                picks=tuple(ExpertChoice(family[model], model) for model in models),
                choices=(("mixing", mixing),),
            ),
            Task(),
            "t" * 16,
            replicate=replicate,
        )

    def draw(
        self, *models: str, mixing: str = "soft", replicate: int = 0, role: Role = Role.SEARCH
    ) -> LeasedCandidate:
        candidate = self.candidate(*models, mixing=mixing, replicate=replicate)
        drawn = NewCandidate(candidate=candidate, code=CODE, cost=COST)
        if role is Role.SEARCH:
            leased = self.store.draw(lambda _: drawn)
        else:
            leased = self.store.add(role, drawn)
        assert leased is not None
        return leased

    def start(self, leased: LeasedCandidate, resumed_from: int | None = None) -> int:
        started = self.store.start(
            leased,
            environment_id=self.environment,
            device="cpu",
            memory_fraction=None,
            resumed_from=resumed_from,
        )
        assert started is not None
        attempt, folder = started
        self.store.mark_started(attempt)
        (self.ledger.files / folder).mkdir(parents=True)
        return attempt

    def finish(self, leased: LeasedCandidate, outcome: Outcome, *, final: bool = True) -> int:
        attempt = self.start(leased)
        assert self.store.finish(leased, attempt, outcome, final=final)
        return attempt

    def trained(
        self,
        *models: str,
        val: float,
        test: float | None = None,
        inside: tuple[float, ...] = (),
        usage: tuple[float, ...] = (),
        uniform: float | None = None,
        oracle: float | None = None,
        seconds: float = 10.0,
        mixing: str = "soft",
        replicate: int = 0,
        role: Role = Role.SEARCH,
        weights: str | None = None,
        events: tuple[TrainingEvent, ...] = (),
    ) -> LeasedCandidate:
        """A candidate that was trained to its end; `inside` are its experts' accuracies."""
        leased = self.draw(*models, mixing=mixing, replicate=replicate, role=role)
        experts = leased.candidate.experts
        usage = usage or tuple(1 / len(experts) for _ in experts)
        scores = tuple(
            ExpertScore(family=e.family, model=e.member.model, val_acc=a, test_acc=a, usage=u)
            for e, a, u in zip(experts, inside, usage, strict=False)
        )
        outcome = Outcome(
            status=Status.OK,
            epochs=2,
            val_acc=val,
            val_loss=1.0,
            test_acc=val if test is None else test,
            uniform_val_acc=uniform,
            uniform_test_acc=uniform,
            oracle_val_acc=oracle,
            oracle_test_acc=oracle,
            val_images=100,
            test_images=200,
            experts=scores,
            seconds=seconds,
            params=1234,
            peak_memory_bytes=5678,
            inputs=self.inputs,
            weights=weights,
        )
        attempt = self.start(leased)
        for number in (1, 2):
            ended = epoch(number, val_acc=val * number / 2)
            self.store.epoch(attempt, ended.with_(events=events if number == 2 else ()))
        assert self.store.finish(leased, attempt, outcome, final=True)
        return leased

    def control(self, model: str, val: float, test: float | None = None) -> LeasedCandidate:
        return self.trained(model, val=val, test=test, role=Role.CONTROL)

    def failed(
        self,
        *models: str,
        status: Status = Status.OOM,
        stage: str = "train",
        message: str = "out of memory",
        seconds: float = 5.0,
        mixing: str = "soft",
        replicate: int = 0,
    ) -> LeasedCandidate:
        leased = self.draw(*models, mixing=mixing, replicate=replicate)
        outcome = Outcome(status=status, stage=stage, message=message, seconds=seconds)
        self.finish(leased, outcome)
        return leased
