"""One campaign's tidy DataFrames, each read when it is first used."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nas.ledger import Ledger
from nas.ledger.lookup import inputs_of
from nas.ledger.records import ScreenRecord
from nas.ledger.screens import screen_of, screened
from nas.schema import CampaignConfig, DatasetInfo, Space

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CampaignTables:
    """One campaign of a ledger. `nas.ledger.frames` documents the columns and their units."""

    ledger: Ledger
    campaign: str
    screen: int | None = None
    """A screen of the ledger to ask about, in place of the campaign's."""
    named: bool = True
    """Whether the campaign was named; False for the one that is taken where none was."""

    @cached_property
    def candidates(self) -> "pd.DataFrame":
        """One row a candidate: search, controls and confirmations."""
        return self.ledger.candidates(self.campaign)

    @cached_property
    def attempts(self) -> "pd.DataFrame":
        """One row an attempt, failed ones too, with its candidate's columns, and `collapsed`: True
        where the candidate's result is not significantly better than always predicting the most
        frequent class."""
        from nas.results.collapse import with_collapsed

        return with_collapsed(self.ledger.attempts(self.campaign), self.inputs)

    @cached_property
    def inputs(self) -> DatasetInfo | None:
        """The properties of the campaign's data set; None if they are not recorded."""
        return inputs_of(self.ledger, self.campaign)

    @cached_property
    def collapsed(self) -> "pd.Series[bool]":
        """By candidate, of those with a final attempt, whether it collapsed: see `attempts`."""
        rows = self.attempts[self.attempts["final"]]
        found: pd.Series[bool] = rows.set_index("candidate")["collapsed"]
        return found

    @cached_property
    def epochs(self) -> "pd.DataFrame":
        """One row an epoch of an attempt."""
        return self.ledger.epochs(self.campaign)

    @cached_property
    def accuracies(self) -> "pd.DataFrame":
        """`candidate`, `epoch` and `val_acc` of every epoch: of the most numerous rows, what
        effects need."""
        return self.ledger.epochs(self.campaign, ("candidate", "epoch", "val_acc"))

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """One row a metric of an epoch."""
        return self.ledger.metrics(self.campaign)

    @cached_property
    def last_metrics(self) -> "pd.DataFrame":
        """Of `metrics`, those of each attempt's last epoch; read without the others."""
        return self.ledger.metrics(self.campaign, last_epoch=True)

    @cached_property
    def training_events(self) -> "pd.DataFrame":
        """One row an event of a training, such as a growth."""
        return self.ledger.training_events(self.campaign)

    @cached_property
    def diagnostics(self) -> "pd.DataFrame":
        """One row a figure that `nas diagnose` found."""
        return self.ledger.diagnostics(self.campaign)

    @cached_property
    def experts(self) -> "pd.DataFrame":
        """One row an expert inside a finished mixture."""
        return self.ledger.experts(self.campaign)

    @cached_property
    def events(self) -> "pd.DataFrame":
        """One row an event: benchings, phases."""
        return self.ledger.events(self.campaign)

    @cached_property
    def probes(self) -> "pd.DataFrame":
        """One row a cached profile of a member, of every campaign."""
        return self.ledger.probes()

    @cached_property
    def answers(self) -> "dict[str, pd.DataFrame]":
        """What analyses have answered from this data, by their names."""
        return {}

    @cached_property
    def screened(self) -> "pd.DataFrame":
        """One row a mixture of `screened_by`."""
        return screened(self.ledger, self.screened_by.id)

    @cached_property
    def screened_by(self) -> ScreenRecord:
        """The screen asked about: the campaign's, where it was drawn from one, or the latest.

        Raises ProblemError where there is none.
        """
        return screen_of(self.ledger, self.screen or self.config.screen)

    @property
    def of_screen(self) -> bool:
        """Whether a screen was read so far: an analysis that reads none is about none."""
        return "screened_by" in vars(self)

    @cached_property
    def space(self) -> Space:
        """The space as it was when the campaign began."""
        return self.ledger.campaign(self.campaign).space

    @cached_property
    def config(self) -> CampaignConfig:
        """The campaign's settings."""
        return self.ledger.campaign(self.campaign).config
