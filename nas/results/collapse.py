"""Decides which runs collapsed and which learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas.results.outcomes import NOT_FAILED
from nas.schema import DatasetInfo, Role
from nas.stats import Observations, collapse
from nas.stats.failure_rates import FailureRateTest
from nas.stats.observations import Bools, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MajorityClass:
    """The most frequent class of a campaign's validation images."""

    images: float
    """The number of validation images; NaN if the ledger does not record it."""
    share: float
    """The class's share of them, in [0, 1]; NaN if unknown."""
    note: str
    """What is not known, for a person; empty if everything is."""

    @property
    def can_tell(self) -> bool:
        """Whether its images are known, and enough to tell whether a run learned anything."""
        return collapse.can_tell(self.images, self.share)

    @classmethod
    def of(cls, inputs: DatasetInfo | None) -> "MajorityClass":
        """From what a campaign's models are fed."""
        if inputs is None:
            reason = "whether runs collapsed is unknown: the data they ran on are not recorded"
            return cls(np.nan, np.nan, reason)
        images, notes = inputs.val_images, []
        if inputs.val_counts:
            share = max(inputs.val_counts) / max(1, sum(inputs.val_counts))
        else:
            share = 1 / inputs.num_classes
            notes = [
                f"the most frequent class is taken as one of {inputs.num_classes}: it is not"
                " recorded"
            ]
        if not collapse.can_tell(images, share):
            notes.append(
                f"{images} validation images are too few to tell which runs learned anything"
            )
        return cls(float(images), share, "; ".join(notes))

    def collapsed(self, accuracy: Floats, deciding: Bools | None = None) -> Bools:
        """Which runs collapsed, by their accuracies on the validation images, `(n,)`."""
        return collapse.collapsed(accuracy, *self._each(accuracy), deciding)

    def few(self, accuracy: Floats) -> str:
        """A note if too few runs learned to report on families, from accuracies `(n,)`; else
        empty."""
        found = collapse.few_learned(accuracy, *self._each(accuracy))
        if found is None:
            return ""
        some, every = found
        those, rest = (f"only {some} of", "the others") if some else ("none of", "they")
        return (
            f"{those} {every} run{'s'[: every != 1]} learned: {rest} are not clearly better than"
            " always answering the most frequent class,"
            f" {100 * self.share:.1f} % of the validation images"
        )

    def _each(self, accuracy: Floats) -> tuple[Floats, Floats]:
        return np.full(len(accuracy), self.images), np.full(len(accuracy), self.share)


def with_collapsed(attempts: "pd.DataFrame", inputs: DatasetInfo | None) -> "pd.DataFrame":
    """Attempts with a column `collapsed`: True if a candidate's final attempt, trained to its end
    or stopped early, is not clearly better than always answering the most frequent class, while at
    least half of the search did better."""
    ended = attempts["final"] & attempts["outcome"].isin(NOT_FAILED)
    accuracy = attempts["val_acc"].where(ended).to_numpy(dtype=float)
    deciding = (attempts["role"] == Role.SEARCH.value).to_numpy(dtype=bool)
    found = MajorityClass.of(inputs).collapsed(accuracy, deciding)
    return attempts.assign(collapsed=found)


@dataclass(frozen=True)
class CollapseRates:
    """How many of a family's runs collapsed, in the order of the families, `(F,)` each."""

    families: tuple[str, ...]
    runs: Ints
    collapsed: Ints
    more: Mapping[str, str]
    """Families that collapse significantly more often than the rest, each with a line about it."""
    few: str
    """Why families have no figures, if too few runs learned; else empty."""

    @classmethod
    def of(cls, seen: Observations, lost: Bools, few: str) -> "CollapseRates":
        """From all runs in the order of draws, and which of them collapsed, `(n,)`."""
        test = FailureRateTest(seen.families, "collapses")
        test.add(seen.held, lost)
        return cls(seen.families, seen.counts, seen.held[lost].sum(axis=0), test.warnings, few)

    @property
    def too_many(self) -> dict[str, str]:
        """Families whose runs that learned do not represent them, each with the reason."""
        if self.few:
            return dict.fromkeys(self.families, self.few)
        rows = zip(self.families, self.runs.tolist(), self.collapsed.tolist(), strict=True)
        return {
            family: f"{lost} of {runs} runs with it collapsed: those that learned do not"
            " represent it"
            for family, runs, lost in rows
            if runs and lost > collapse.MANY * runs
        }
