"""Draws a campaign's next candidates without writing to a ledger."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from nas.campaign.checks import check_settings
from nas.campaign.dataset import examine_if_there
from nas.campaign.draw_setup import DrawSetup
from nas.campaign.gate_cost import GateCostProbe
from nas.campaign.profiling import unsound_members
from nas.ledger import CampaignStore, Ledger, NewCandidate, Owner, phase_of, profile_digest
from nas.processes import Sandbox
from nas.render import render, runs_unasked
from nas.schema import CampaignConfig, Member, MemberProfile, ProfileConditions, Record, Space
from nas.stats import NOTHING_DRAWN, AuditResult, audit_of, draws

GATE_SECONDS = 300.0
"""Time limit for a template's code: longer than in a campaign, because nothing else waits."""


class DryRun:
    """Iterates over the next `trials` candidates, or fewer if the space is exhausted.

    Members without a cached profile are built, and excluded if that fails; errors that occur only
    in training are not detected. `ledger`, opened for reading, supplies cached profiles; `after`
    names a campaign in it to continue. The data set may be missing if its number of classes is
    known; otherwise it is examined as in a run. A sampler that learns from results sees the drawn
    candidates as unfinished. Costs are measured in a process that may crash; they are unknown if
    that would run an untrusted template of the working directory. `on_message` gets a line for each
    event of interest to the user.
    """

    def __init__(
        self,
        space: Space,
        config: CampaignConfig,
        trials: int,
        *,
        ledger: Ledger | None = None,
        after: str | None = None,
        on_message: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Raises ProblemError as `check_settings` and `examine_if_there`, and if too few families
        are left."""
        check_settings(space, config)
        examine_if_there(config, on_message, ledger, after)
        setup = DrawSetup.of(ledger, space, config, partial(_profiles, ledger), on_message)
        self._space = space
        self._trials = trials
        self._bank = config.bank
        self._records: list[Record] = []
        self._phases: list[dict[str, Any]] = []
        self._exclusions: list[dict[str, Any]] = []
        self._bias = setup.sampler.bias()
        if ledger and after:
            store = CampaignStore(ledger, ledger.campaign(after).id, Owner.me())
            self._records = store.records()
            self._phases, self._exclusions = store.events("phase"), store.events("benched")
        number = phase_of(self._phases, setup.constraints)
        if number == len(self._phases):
            drawn = len(self._records)
            self._phases.append(
                {
                    "number": number,
                    "drawn": drawn,
                    "plan": setup.constraints.model_dump(mode="json"),
                }
            )
        self._sandbox = Sandbox()
        runs = runs_unasked(space.template)
        if not runs:
            on_message(
                f"costs are not computed: that would run the template {space.template} of this"
                " directory; `nas trust templates` allows it"
            )
        gate_cost = GateCostProbe(self._sandbox, on_message, seconds=GATE_SECONDS)
        self._propose = setup.proposer(number, gate_cost if runs else lambda *_: None, render)

    def __iter__(self) -> Iterator[NewCandidate]:
        with self._sandbox:
            for _ in range(self._trials):
                drawn = self._propose(self._records)
                if drawn is None:
                    return
                record = Record(len(self._records), drawn.candidate.assignment, drawn.phase)
                self._records.append(record)
                yield drawn

    @property
    def verdict(self) -> AuditResult:
        """The audit of all draws so far, including those of the campaign that is continued."""
        if self._bank:
            return NOTHING_DRAWN
        audit = audit_of(self._space, self._phases)
        audit.add(draws(self._records, self._bias, self._phases, self._exclusions))
        return audit.verdict


def _profiles(
    ledger: Ledger | None, members: list[Member], conditions: ProfileConditions
) -> dict[str, MemberProfile]:
    """Profiles by model name: cached ones, and a failed one for each other member that cannot be
    built."""
    cached = ledger.cached_profiles(conditions) if ledger else {}
    known = {m.model: p for m in members if (p := cached.get(profile_digest(conditions, m)))}
    return known | unsound_members((m for m in members if m.model not in known), conditions)


def as_json(drawn: NewCandidate) -> dict[str, Any]:
    """A drawn candidate as plain data. Costs are None if unknown; `memory_bytes` also if a member's
    profile is not cached, `active_macs` for a mixture of members. `refused`: why the template
    refuses it; None if it does not."""
    candidate, cost = drawn.candidate, drawn.cost
    return {
        "key": candidate.key,
        "families": list(candidate.families),
        "members": [pick.model for pick in candidate.assignment.picks],
        "gate": dict(sorted(candidate.settings.items())),
        "params": cost.params if cost else None,
        "macs": cost.macs if cost else None,
        "active_macs": cost.active_macs if cost else None,
        "memory_bytes": cost.memory_bytes if cost else None,
        "refused": drawn.refusal or None,
    }
