"""What a campaign would draw, written to no ledger."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from nas.campaign.checks import check_settings
from nas.campaign.dataset import examine_if_there
from nas.campaign.draw_setup import DrawSetup
from nas.campaign.gate_cost import GateCostProbe
from nas.campaign.probing import unsound_members
from nas.ledger import CampaignStore, Ledger, NewCandidate, Owner, phase_of, probe_digest
from nas.processes import Sandbox
from nas.render import render, runs_unasked
from nas.schema import CampaignConfig, Member, MemberProfile, ProfileConditions, Record, Space
from nas.stats import NOTHING_DRAWN, AuditResult, audit_of, draws

GATE_SECONDS = 300.0
"""How long a template's code may take: nothing else waits for it."""


class DryRun:
    """The next `trials` candidates, fewer if the space ends; nothing is written.

    Members without a probe are built, and those that fail are left out as a run would; what fails
    only in training is not known. `ledger`, opened for reading, lends its probe cache; `after`
    names a campaign in it to go on from. The data set need not be there, if its number of classes
    is known all the same; where it is, it is examined as a run would. A sampler that learns from
    results sees the drawn ones as unfinished. What candidates cost is counted by a process that may
    crash; where that would run a template of the working directory that nobody trusts, it is not
    known. `say` is told, in a line, what a person would want to know.
    """

    def __init__(
        self,
        space: Space,
        config: CampaignConfig,
        trials: int,
        *,
        ledger: Ledger | None = None,
        after: str | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Raises ProblemError as `check_settings` and `examine_if_there` do, and where too few
        families are left."""
        check_settings(space, config)
        examine_if_there(config, say, ledger, after)
        setup = DrawSetup.of(ledger, space, config, partial(_profiles, ledger), say)
        self._space = space
        self._trials = trials
        self._bank = config.bank
        self._records: list[Record] = []
        self._phases: list[dict[str, Any]] = []
        self._benched: list[dict[str, Any]] = []
        self._bias = setup.sampler.bias()
        if ledger and after:
            store = CampaignStore(ledger, ledger.campaign(after).id, Owner.me())
            self._records = store.records()
            self._phases, self._benched = store.events("phase"), store.events("benched")
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
            say(
                f"what candidates cost is not counted: that would run the template {space.template}"
                " of this directory; `nas trust templates` lets it"
            )
        gate_cost = GateCostProbe(self._sandbox, say, seconds=GATE_SECONDS)
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
        """The audit of all draws so far, those of the campaign gone on from first."""
        if self._bank:
            return NOTHING_DRAWN
        audit = audit_of(self._space, self._phases)
        audit.add(draws(self._records, self._bias, self._phases, self._benched))
        return audit.verdict


def _profiles(
    ledger: Ledger | None, members: list[Member], under: ProfileConditions
) -> dict[str, MemberProfile]:
    """The cached ones, and a failed one of each other member that does not build."""
    cached = ledger.probes_under(under) if ledger else {}
    known = {m.model: p for m in members if (p := cached.get(probe_digest(under, m)))}
    return known | unsound_members((m for m in members if m.model not in known), under)


def as_json(drawn: NewCandidate) -> dict[str, Any]:
    """A drawn candidate in plain data; `memory_bytes` is None unless every probe is cached, and
    every cost where it was not counted."""
    candidate, cost = drawn.candidate, drawn.cost
    return {
        "key": candidate.key,
        "families": list(candidate.families),
        "members": [expert.member.model for expert in candidate.experts],
        "gate": dict(sorted(candidate.choices.items())),
        "params": cost.params if cost else None,
        "macs": cost.macs if cost else None,
        "memory_bytes": cost.memory_bytes if cost else None,
    }
