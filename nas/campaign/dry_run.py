"""What a campaign would draw, written to no ledger."""

from collections.abc import Callable, Iterator
from typing import Any

from nas.campaign.bank import bank_keys_of, models_without_expert, without_members
from nas.campaign.checks import check_settings
from nas.campaign.constraints import check_enough, plan_of
from nas.campaign.dataset import examine_if_there
from nas.campaign.gate_cost import GateCostProbe
from nas.campaign.probing import classes_of, conditions_for, feasible, left_out, unsound_members
from nas.campaign.proposals import Proposer
from nas.campaign.screen import sampler_of
from nas.ledger import CampaignStore, Ledger, NewCandidate, Owner, phase_of, probe_digest
from nas.processes import Sandbox
from nas.render import render, runs_unasked
from nas.schema import CampaignConfig, Record, Space
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
        classes = classes_of(config)
        examine_if_there(config, say, ledger, after)
        under = conditions_for(space, config, classes)
        cached = ledger.probes_under(under) if ledger else {}
        members = [member for _, member in space.members]
        probes = {m.model: p for m in members if (p := cached.get(probe_digest(under, m)))}
        init_from = bank_keys_of(ledger, space, config) if ledger else None
        without_expert = () if init_from is None else models_without_expert(space, init_from)
        warmed = without_members(space, without_expert)
        unprobed = (member for _, member in warmed.members if member.model not in probes)
        probes |= unsound_members(unprobed, under)
        allowed = feasible(warmed, probes)
        for line in left_out(probes):
            say(line)
        check_enough(allowed, config)
        sampler = sampler_of(ledger, allowed, config)
        plan = plan_of(config, probes, without_expert)
        self._space = space
        self._trials = trials
        self._bank = config.bank
        self._records: list[Record] = []
        self._phases: list[dict[str, Any]] = []
        self._benched: list[dict[str, Any]] = []
        self._bias = sampler.bias()
        if ledger and after:
            store = CampaignStore(ledger, ledger.campaign(after).id, Owner.me())
            self._records = store.records()
            self._phases, self._benched = store.events("phase"), store.events("benched")
        number = phase_of(self._phases, plan)
        if number == len(self._phases):
            drawn = len(self._records)
            self._phases.append(
                {"number": number, "drawn": drawn, "plan": plan.model_dump(mode="json")}
            )
        self._sandbox = Sandbox()
        runs = runs_unasked(space.template)
        if not runs:
            say(
                f"what candidates cost is not counted: that would run the template {space.template}"
                " of this directory; `nas trust templates` lets it"
            )
        self._propose = Proposer(
            allowed,
            config.task,
            sampler,
            probes,
            num_classes=classes,
            bench_after=config.bench_after,
            plan=plan,
            phase=number,
            replicate=config.replicate,
            init_from=init_from,
            measure=GateCostProbe(self._sandbox, say, seconds=GATE_SECONDS)
            if runs
            else lambda *_: None,
            write=render,
        )

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
