"""From a sampler's assignment to a candidate ready for the ledger: rendered and costed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from nas.campaign.exclusions import excluded_for_failing
from nas.ledger import NewCandidate
from nas.measure import Overhead, cost
from nas.render import candidate_errors, render_to_run, template_hash
from nas.sample import Sampler
from nas.schema import (
    Assignment,
    Candidate,
    DrawConstraints,
    MemberProfile,
    Phase,
    Record,
    Space,
    Task,
)

Measure = Callable[[str, int, int, tuple[object, ...]], Overhead | None]
"""From a candidate's code, image size and channels, and what of it its gate depends on."""


class Proposer:
    """Draws the next candidate of a campaign: a function of the records it is shown."""

    def __init__(
        self,
        space: Space,
        task: Task,
        sampler: Sampler,
        probes: Mapping[str, MemberProfile],
        *,
        num_classes: int,
        bench_after: int | None = None,
        plan: DrawConstraints = DrawConstraints(),  # noqa: B008 (frozen)
        phase: int = 0,
        replicate: int = 0,
        init_from: Mapping[str, str] | None = None,
        measure: Measure | None = None,
        write: Callable[[Candidate], str] = render_to_run,
    ) -> None:
        """`init_from`: the bank's key of each model that experts begin as; None: from nothing.
        `measure` counts what a template adds to its experts: see `nas.measure.gate`. It
        runs the template's code, so a campaign has that done by another process. Where it says
        None, what a candidate costs is not known. `write` renders: where nothing of it runs, that
        may be plain `render`."""
        self.space = space
        self.task = task
        self.sampler = sampler
        self.probes = probes
        self.num_classes = num_classes
        self.bench_after = bench_after
        self.plan = plan
        self.phase = phase
        self.replicate = replicate
        self.init_from = init_from
        self._measure = measure or _overhead_here
        self._write = write
        self._overheads: dict[tuple[object, ...], Overhead | None] = {}

    def __call__(self, records: Sequence[Record]) -> NewCandidate | None:
        """The next candidate; None when nothing is left to draw."""
        out = excluded_for_failing(records, self.bench_after) if self.bench_after else frozenset()
        phase = Phase(self.phase, out.union(self.plan.drop), frozenset(self.plan.prefer))
        assignment = self.sampler.propose(records, phase)
        return None if assignment is None else replace(self.drawn(assignment), phase=self.phase)

    def drawn(self, assignment: Assignment) -> NewCandidate:
        """An assignment's candidate, its source text and what it will need."""
        candidate = Candidate.of(
            self.space,
            assignment,
            self.task,
            template_hash(self.space.template),  # as it is now: somebody may be writing in it
            replicate=self.replicate,
            init_from=self.init_from,
        )
        return self.ready(candidate)

    def ready(self, candidate: Candidate) -> NewCandidate:
        """A candidate with its source text and its cost. Raises CandidateError where its template
        may not run or cannot be rendered."""
        with candidate_errors(candidate):
            code = self.render(candidate)
        gate = self._overhead(candidate, code)
        need = None if gate is None else cost(candidate, self.probes, self.num_classes, gate)
        return NewCandidate(candidate=candidate, code=code, cost=need)

    def render(self, candidate: Candidate) -> str:
        """A candidate's source text."""
        return self._write(candidate)

    def _overhead(self, candidate: Candidate, code: str) -> Overhead | None:
        """What the template adds to its experts; the same for equal choices."""
        choices = candidate.assignment.choices
        key = (candidate.template_hash, len(candidate.experts), choices)
        if key not in self._overheads:
            self._overheads[key] = self._measure(
                code, candidate.image_size, candidate.channels, key
            )
        return self._overheads[key]


def _overhead_here(code: str, image_size: int, channels: int, _: object) -> Overhead | None:
    from nas.measure.gate import overhead  # torch

    return overhead(code, image_size, channels)
