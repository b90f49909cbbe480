"""What a run was asked to do. The ledger keeps it, so that `nas resume` needs only a name."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from nas.schema.base import Frozen
from nas.schema.candidate import SCRATCH
from nas.schema.recipe import Task

MOST = 2**31 - 1
"""Of what is counted: a database's integers hold no more."""
MOST_SEED = 2**63 - 1
LONGEST = 1e10
"""Seconds: three centuries, beyond which clocks and time-outs overflow."""


class DataConfig(Frozen):
    """Which images models see, from which seed they train, and where their experts come from."""

    dataset: str = "digits"
    split_seed: int = Field(0, ge=0, le=MOST_SEED)
    hold_out: float = Field(0.0, ge=0, lt=1)
    """Share of the training images kept from the models; see nas.schema.Task."""
    replicate: int = Field(0, ge=0, le=MOST)
    """Of every candidate: another number is another training seed."""
    experts: str = SCRATCH
    """`scratch`, or the campaign of the bank that experts come from."""
    seed: int = Field(0, ge=0, le=MOST_SEED)
    """Of what is drawn."""

    @property
    def task(self) -> Task:
        """The data set, how it is split, and the share of training images held out."""
        return Task(dataset=self.dataset, split_seed=self.split_seed, hold_out=self.hold_out)

    @property
    def from_bank(self) -> bool:
        """Whether experts begin as those of a bank."""
        return self.experts != SCRATCH


class RunConfig(DataConfig):
    """What is common to the campaigns that train."""

    scheduler: Literal["fifo", "asha"] = "fifo"
    budget_seconds: float | None = Field(None, gt=0, le=LONGEST)
    """Working time over all resumes; None: no limit."""
    executor: str = "ray"
    workers: int = Field(1, ge=1, le=4096)
    gpus: int = Field(0, ge=0, le=1024)
    time_limit: float | None = Field(21600.0, gt=0, le=LONGEST)
    """Seconds an attempt may take; None: no limit."""
    max_deaths: int = Field(3, ge=0, le=MOST)
    """Attempts of one candidate that may die with their process before it ends `killed`."""
    bench_after: int = Field(6, ge=1, le=MOST)
    """Failed candidates in a row after which a family is no longer drawn."""
    data_root: str = "data"
    log: str | None = None
    """What else follows epochs and ends: see nas.campaign.trackers."""
    keep_weights: str = "best:20"
    """Of whose candidates: `all`, `none` or `best:N`."""

    @field_validator("keep_weights")
    @classmethod
    def _known(cls, value: str) -> str:
        if not re.fullmatch(r"all|none|best:[1-9]\d{0,8}", value):
            raise ValueError(f"{value!r} is not all, none or best:N")
        return value

    @property
    def device(self) -> str:
        """Where trials run: `cuda` (an executor picks which) or `cpu`."""
        return "cuda" if self.gpus else "cpu"


class SearchConfig(RunConfig):
    """A campaign of `nas search`: everything but the space that decides how it goes."""

    bank: Literal[False] = False
    sampler: str = "stratified"
    trials: int | None = Field(None, ge=1, le=MOST)
    """Candidates of the search, invalid ones included; None: no limit."""
    controls: bool = True
    """Whether each member is trained alone too."""
    screen: int | None = Field(None, ge=1, le=MOST)
    """The screen in the ledger whose best mixtures are drawn; with a sampler of screens."""
    top: int = Field(20, ge=1, le=MOST)
    """How many of them."""
    by: str = "probe"
    """The score that decides which are best."""
    drop: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    """Families, by the owner's wish; see nas.schema.DrawConstraints."""
    strict_coverage: bool = False
    """Whether a biased draw stops the campaign."""


class BankConfig(RunConfig):
    """A campaign of `nas bank`: every member of a space once, nothing drawn."""

    bank: Literal[True] = True
    bank_bytes: int | None = Field(None, gt=0, le=MOST_SEED)
    """The most the bank may take on the disk."""
    keep_weights: str = "none"
    """The bank has them."""

    # Every member is trained, each once: there is nothing to choose.

    @property
    def sampler(self) -> str:
        return "stratified"

    @property
    def trials(self) -> int | None:
        return None

    @property
    def controls(self) -> bool:
        return False

    @property
    def screen(self) -> int | None:
        return None

    @property
    def drop(self) -> tuple[str, ...]:
        return ()

    @property
    def prefer(self) -> tuple[str, ...]:
        return ()

    @property
    def strict_coverage(self) -> bool:
        return False

    @property
    def identity(self) -> tuple[object, ...]:
        """What two runs must share for their experts to be the same."""
        return (self.dataset, self.split_seed, self.hold_out, self.replicate, self.experts)


CampaignConfig = SearchConfig | BankConfig


class ScreenConfig(DataConfig):
    """A pass of `nas screen`: whose experts' mixtures are scored, and which of them."""

    top: int = Field(1000, ge=1, le=MOST)
    """Probes, static weights and gates are fitted for so many of the best."""
    limit: int = Field(200_000, ge=1, le=MOST)
    """Mixtures scored at most; of more, a uniform sample."""
    max_params: int | None = Field(None, ge=1, le=MOST_SEED)
    max_latency: float | None = Field(None, gt=0, le=LONGEST)
    """Seconds of one image, the experts one after another."""

    @classmethod
    def recorded(cls, data: Mapping[str, Any]) -> Self:
        """As a ledger has it; older ones also have what a campaign is asked, which says nothing of
        a screen. Raises pydantic's ValidationError."""
        return cls.model_validate({k: v for k, v in data.items() if k in cls.model_fields})


_OTHERS = SearchConfig.model_fields.keys() ^ BankConfig.model_fields.keys()
"""Settings that a campaign of either kind lacks: ledgers once had them all in each."""


def campaign_config(data: Mapping[str, Any]) -> CampaignConfig:
    """A campaign's settings as a ledger has them; ValidationError for what is none."""
    kind = BankConfig if data.get("bank") else SearchConfig
    drop = _OTHERS - kind.model_fields.keys()
    return kind.model_validate({k: v for k, v in data.items() if k not in drop})
