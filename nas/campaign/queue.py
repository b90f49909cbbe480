"""A campaign's next candidate: retries, dead processes' candidates, controls, draws, replicates."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

from nas.campaign.controls import check_template, control, due, wanted
from nas.campaign.proposals import Proposer
from nas.campaign.retry import title
from nas.ledger import CampaignStore, LeasedCandidate
from nas.render import current_hash, rendered_anew
from nas.schema import CampaignConfig, Role

LOOK_SECONDS = 5.0
"""Seconds between two searches for candidates that other drivers left."""


class WorkQueue:
    """Leases one candidate after another; with `only`, only open candidates of that role."""

    def __init__(
        self,
        config: CampaignConfig,
        store: CampaignStore,
        proposer: Proposer,
        only: Role | None = None,
        on_message: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.config = config
        self.store = store
        self.proposer = proposer
        self.only = only
        self._on_message = on_message
        self.waiting: list[LeasedCandidate] = []
        """Leased candidates to retry, or too large to run next to the running ones."""
        self._controls_due = self._replicates_due = True
        self._changed: set[str] = set()
        """Templates that were named as changed."""
        self._next_look = 0.0
        self._results = 0

    def next(self, *, retries_only: bool = False) -> LeasedCandidate | None:
        """The next candidate, leased; None if there is none now."""
        if self.waiting:
            return self.waiting.pop(0)
        if retries_only:
            return None
        now = time.monotonic()
        if now >= self._next_look:
            leased = self._left(self._results)
            if leased is not None:
                return leased
            self._next_look = now + LOOK_SECONDS
            self._controls_due = self._replicates_due = True  # of another driver's results
        if self.only is None:
            new = self._control() or self.store.draw(self.proposer, limit=self.config.trials)
            new = new or self._replicate()
            if new is not None:
                return new
        return self._left()  # postponed candidates come last

    def note_result(self) -> None:
        """Notes a recorded outcome: it may call for controls or replicates; `reclaim` counts it."""
        self._results += 1
        self._controls_due = self._replicates_due = True

    @property
    def empty(self) -> bool:
        """Whether no candidate is open, here or in another driver."""
        return not self.waiting and not self.store.open_elsewhere(self.only)

    def lacks_families(self, excluded: frozenset[str]) -> bool:
        """Whether more draws are wanted, but exclusions left too few families for a candidate."""
        space = self.proposer.space
        if self.only is not None or not excluded:
            return False
        gone = excluded.union(self.proposer.constraints.drop).intersection(space.families)
        trials = self.config.trials
        if trials is not None and len(self.store.records()) >= trials:
            return False
        return len(space.families) - len(gone) < space.k

    def _left(self, results: float = math.inf) -> LeasedCandidate | None:
        """A candidate that another run left open; see `CampaignStore.reclaim`. None if there is
        none."""
        while (left := self.store.reclaim(only=self.only, results=results)) is not None:
            leased = self._renewed(left)
            if leased is not None:
                return leased
        return None

    def _renewed(self, leased: LeasedCandidate) -> LeasedCandidate | None:
        """An open candidate with its code rendered again, or its replacement if its template has
        changed; None if it needs none. Raises CandidateError."""
        candidate = leased.candidate
        check_template(candidate, self.proposer.space)
        changed = current_hash(candidate)
        if changed is None:
            code = rendered_anew(candidate, leased.code, self.proposer.render)
            return replace(leased, code=code)
        # There is no point in repeating code that no longer exists.
        again = leased.role not in (Role.CONFIRM, Role.REPLICATE)
        self._on_message(
            f"{title(leased)}: superseded, because the template {candidate.template} has changed"
            + (": its point is drawn again" if again else "")
        )
        drawn = self.proposer.ready(candidate.with_(template_hash=changed)) if again else None
        return self.store.supersede(leased, drawn)

    def _control(self) -> LeasedCandidate | None:
        if not (self._controls_due and wanted(self.proposer.space, self.config)):
            return None
        have = self.store.controls()
        for pick in due(self.store.records(), have):
            candidate = control(self.proposer.space, pick, self.proposer.task)
            leased = self.store.add(Role.CONTROL, self.proposer.ready(candidate))
            if leased is not None:
                return leased
        self._controls_due = False
        return None

    def _replicate(self) -> LeasedCandidate | None:
        """The next repetition of a successful candidate, with another seed; None if there is none.

        None is made of a candidate whose template has changed: it would be another network.
        """
        if not self._replicates_due:
            return None
        changed: set[str] = set()
        for candidate in self.store.replicates_due(self.proposer.space.replicates):
            if current_hash(candidate) is not None:
                changed.add(candidate.template)
                continue
            leased = self.store.add(Role.REPLICATE, self.proposer.ready(candidate))
            if leased is not None:
                return leased
        for template in sorted(changed - self._changed):
            self._on_message(
                f"candidates of the template {template} are not repeated with other seeds: it has"
                " changed since they were drawn"
            )
        self._changed |= changed
        self._replicates_due = False
        return None
