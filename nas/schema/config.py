"""A run's configuration. The ledger keeps it, so that `nas resume` needs only a name."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from nas.schema.base import Frozen
from nas.schema.candidate import SCRATCH
from nas.schema.recipe import Task

MOST = 2**31 - 1
"""Maximum of counts: the limit of a database's integers."""
MOST_SEED = 2**63 - 1
LONGEST = 1e10
"""Seconds: three centuries, beyond which clocks and timeouts overflow."""


class DataConfig(Frozen):
    """The images that models see, the seeds, and where experts come from."""

    dataset: str = "digits"
    split_seed: int = Field(0, ge=0, le=MOST_SEED)
    hold_out: float = Field(0.0, ge=0, lt=1)
    """Share of the training images held out from the models; see nas.schema.Task."""
    replicate: int = Field(0, ge=0, le=MOST)
    """Replicate number of every candidate; another number means another training seed."""
    experts: str = SCRATCH
    """`scratch`, or the name of the bank campaign that trained the experts."""
    seed: int = Field(0, ge=0, le=MOST_SEED)
    """Seed of the draw."""

    @property
    def task(self) -> Task:
        """The data set, how it is split, and the share of training images held out."""
        return Task(dataset=self.dataset, split_seed=self.split_seed, hold_out=self.hold_out)

    @property
    def from_bank(self) -> bool:
        """Whether experts are initialised from a bank."""
        return self.experts != SCRATCH


class RunConfig(DataConfig):
    """Settings common to all campaigns that train."""

    scheduler: Literal["fifo", "asha"] = "fifo"
    budget_seconds: float | None = Field(None, gt=0, le=LONGEST)
    """Working time over all resumes; None: no limit."""
    executor: str = "ray"
    workers: int = Field(1, ge=1, le=4096)
    gpus: int = Field(0, ge=0, le=1024)
    time_limit: float | None = Field(21600.0, gt=0, le=LONGEST)
    """Seconds per attempt; None: no limit."""
    max_deaths: int = Field(3, ge=0, le=MOST)
    """Attempts of one candidate that may die with their process before it ends as `killed`."""
    bench_after: int = Field(6, ge=1, le=MOST)
    """Consecutive failed candidates after which a family is excluded."""
    data_root: str = "data"
    log: str | None = None
    """An additional logger of epochs and outcomes: see nas.campaign.trackers."""
    keep_weights: str = "best:20"
    """The candidates whose weights are kept: `all`, `none` or `best:N`."""

    @field_validator("keep_weights")
    @classmethod
    def _known(cls, value: str) -> str:
        if not re.fullmatch(r"all|none|best:[1-9]\d{0,8}", value):
            raise ValueError(f"{value!r} is not all, none or best:N")
        return value

    @property
    def device(self) -> str:
        """Device of trials: `cuda` (an executor chooses the GPU) or `cpu`."""
        return "cuda" if self.gpus else "cpu"


class SearchConfig(RunConfig):
    """A campaign of `nas search`: all its settings except the space."""

    bank: Literal[False] = False
    sampler: str = "stratified"
    trials: int | None = Field(None, ge=1, le=MOST)
    """Candidates of the search, invalid ones included; None: no limit."""
    controls: bool = True
    """Whether each member is also trained alone."""
    screen: int | None = Field(None, ge=1, le=MOST)
    """Id of the screen whose best mixtures are drawn; for samplers that use a screen."""
    top: int = Field(20, ge=1, le=MOST)
    """Number of those mixtures."""
    by: str = "probe"
    """The score that ranks them."""
    drop: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    """Families that the user drops or prefers; see nas.schema.DrawConstraints."""
    strict_coverage: bool = False
    """Whether the campaign stops if the audit finds the draw biased."""


class BankConfig(RunConfig):
    """A campaign of `nas bank`: trains every member of a space once and draws nothing."""

    bank: Literal[True] = True
    bank_bytes: int | None = Field(None, gt=0, le=MOST_SEED)
    """Maximum disk space of the bank in bytes; None: no limit."""
    keep_weights: str = "none"
    """`none`: the bank itself stores them."""

    # Every member is trained once: there is nothing to choose.

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
        """The settings that two runs must share for their experts to be the same."""
        return (self.dataset, self.split_seed, self.hold_out, self.replicate, self.experts)


CampaignConfig = SearchConfig | BankConfig


class ScreenConfig(DataConfig):
    """A pass of `nas screen`: the experts, and which of their mixtures are scored."""

    top: int = Field(200, ge=1, le=MOST)
    """Probes, static weights and gates are fitted for so many of the best."""
    limit: int = Field(200_000, ge=1, le=MOST)
    """Maximum number of scored mixtures; a larger space is sampled uniformly."""
    max_params: int | None = Field(None, ge=1, le=MOST_SEED)
    max_latency: float | None = Field(None, gt=0, le=LONGEST)
    """Seconds for one image, one expert after another."""

    @classmethod
    def recorded(cls, data: Mapping[str, Any]) -> Self:
        """Reads a ledger's data. Older ledgers also have a campaign's settings there, which are
        ignored. Raises pydantic's ValidationError."""
        return cls.model_validate({k: v for k, v in data.items() if k in cls.model_fields})


_OTHERS = SearchConfig.model_fields.keys() ^ BankConfig.model_fields.keys()
"""Settings of only one kind of campaign; older ledgers stored all of them for both."""


def campaign_config(data: Mapping[str, Any]) -> CampaignConfig:
    """Reads a campaign's settings from a ledger's data; ValidationError for invalid data."""
    kind = BankConfig if data.get("bank") else SearchConfig
    drop = _OTHERS - kind.model_fields.keys()
    return kind.model_validate({k: v for k, v in data.items() if k not in drop})
