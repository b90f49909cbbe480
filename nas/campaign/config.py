"""What a campaign was asked to do: stored in the ledger, so that `resume` needs only a name."""

import re
from typing import Literal

from pydantic import Field, field_validator

from nas.schema import Frozen, Space, Task, UsageError

MOST = 2**31 - 1
"""Of what is counted: a database's integers hold no more."""
MOST_SEED = 2**63 - 1
LONGEST = 1e10
"""Seconds: three centuries, beyond which clocks and time-outs overflow."""


class CampaignConfig(Frozen):
    """Everything but the space that decides how a campaign goes."""

    dataset: str = "digits"
    split_seed: int = Field(0, ge=0, le=MOST_SEED)
    hold_out: float = Field(0.0, ge=0, lt=1)
    """Share of the training images kept from the models; see nas.schema.Task."""
    replicate: int = Field(0, ge=0, le=MOST)
    """Of every candidate of the search: another number is another training seed."""
    bank: bool = False
    """Whether trained models and what they predict are kept in the expert bank."""
    screen: int | None = Field(None, ge=1, le=MOST)
    """The screen in the ledger whose best mixtures are drawn; with the sampler `screen`."""
    top: int = Field(20, ge=1, le=MOST)
    """How many of them."""
    by: str = "probe"
    """The score that decides which are best."""
    experts: str = "scratch"
    """`scratch`, or the campaign of the bank that experts come from."""
    bank_bytes: int | None = Field(None, gt=0, le=MOST_SEED)
    """The most the bank may take on the disk."""
    sampler: str = "stratified"
    seed: int = Field(0, ge=0, le=MOST_SEED)
    scheduler: Literal["fifo", "asha"] = "fifo"
    budget_seconds: float | None = Field(None, gt=0, le=LONGEST)
    """Working time over all resumes; None: no limit."""
    trials: int | None = Field(None, ge=1, le=MOST)
    """Candidates of the search, invalid ones included; None: no limit."""
    controls: bool = True
    executor: str = "ray"
    workers: int = Field(1, ge=1, le=4096)
    gpus: int = Field(0, ge=0, le=1024)
    time_limit: float | None = Field(21600.0, gt=0, le=LONGEST)
    """Seconds an attempt may take; None: no limit."""
    keep_weights: str = "best:20"
    max_deaths: int = Field(3, ge=0, le=MOST)
    """Attempts of one candidate that may die with their process before it ends `killed`."""
    bench_after: int = Field(6, ge=1, le=MOST)
    """Failed candidates in a row after which a family is no longer drawn."""
    data_root: str = "data"
    log: str | None = None
    """What else is told of epochs and ends: see nas.campaign.trackers."""
    drop: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    """Families, by the owner's wish; see nas.schema.Plan."""
    strict_coverage: bool = False
    """Whether a biased draw stops the campaign."""

    @field_validator("keep_weights")
    @classmethod
    def _known(cls, value: str) -> str:
        if not re.fullmatch(r"all|none|best:[1-9]\d{0,8}", value):
            raise ValueError(f"{value!r} is not all, none or best:N")
        return value

    @property
    def task(self) -> Task:
        return Task(dataset=self.dataset, split_seed=self.split_seed, hold_out=self.hold_out)

    @property
    def device(self) -> str:
        """Where trials run: `cuda` (an executor picks which) or `cpu`."""
        return "cuda" if self.gpus else "cpu"


def check_name(name: str) -> None:
    """Raises ProblemError for a name that could not be typed back."""
    if not re.fullmatch(r"\w[\w .:+@/-]{0,99}", name):
        raise UsageError(
            f"{name!r} cannot name a campaign",
            where="--name",
            fix="begin with a letter or digit; letters, digits and . : + @ / - follow, to 100",
        )


def default_name(space: Space, dataset: str, taken: list[str]) -> str:
    """`moe4-cifar10`, `moe4-cifar10-2`, …: the first that no campaign has."""
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{space.name}-{dataset.rsplit('/', 1)[-1]}")
    name, n = base, 1
    while name in taken:
        n += 1
        name = f"{base}-{n}"
    return name
