"""Turns a sampler's assignment into a candidate for the ledger, with its code and cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from nas.campaign.exclusions import excluded_for_failing
from nas.ledger import NewCandidate
from nas.measure import Overhead, cost
from nas.render import candidate_errors, code_of, render_to_run, template_hash
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

Measure = Callable[[str, int, int, tuple[object, ...], int], Overhead | None]
"""Measures a template's overhead from a candidate's code, image size and channels, the data that
identifies its gate, and the number of classes if it has no experts, else 0. None if unknown."""


class Proposer:
    """Draws the next candidate of a campaign, as a function of the campaign's records."""

    def __init__(
        self,
        space: Space,
        task: Task,
        sampler: Sampler,
        profiles: Mapping[str, MemberProfile],
        *,
        num_classes: int,
        bench_after: int | None = None,
        constraints: DrawConstraints = DrawConstraints(),  # noqa: B008 (frozen)
        phase: int = 0,
        replicate: int = 0,
        init_from: Mapping[str, str] | None = None,
        measure: Measure | None = None,
        write: Callable[[Candidate], str] = render_to_run,
    ) -> None:
        """`profiles`: by model name. `init_from`: by model name, the key of the bank's expert that
        training starts from; None without a bank. `measure` returns what a template adds to its
        experts (see `nas.measure.gate`), or None if a candidate's cost is then unknown; it runs the
        template's code, so a campaign does it in another process. `write` renders the code; plain
        `render` is enough if the code does not run."""
        self.space = space
        self.task = task
        self.sampler = sampler
        self.profiles = profiles
        self.num_classes = num_classes
        self.bench_after = bench_after
        self.constraints = constraints
        self.phase = phase
        self.replicate = replicate
        self.init_from = init_from
        self._measure = measure or _overhead_here
        self._write = write
        self._overheads: dict[tuple[object, ...], Overhead | None] = {}

    def __call__(self, records: Sequence[Record]) -> NewCandidate | None:
        """The next candidate; None if nothing is left to draw."""
        out = excluded_for_failing(records, self.bench_after) if self.bench_after else frozenset()
        phase = Phase(
            self.phase, out.union(self.constraints.drop), frozenset(self.constraints.prefer)
        )
        assignment = self.sampler.propose(records, phase)
        return None if assignment is None else replace(self.drawn(assignment), phase=self.phase)

    def drawn(self, assignment: Assignment) -> NewCandidate:
        """An assignment's candidate with its source text and its cost."""
        candidate = Candidate.of(
            self.space,
            assignment,
            self.task,
            template_hash(self.space.template),  # read anew: the file may have been edited
            replicate=self.replicate,
            init_from=self.init_from,
        )
        return self.ready(candidate)

    def ready(self, candidate: Candidate) -> NewCandidate:
        """A candidate with its source text and its cost, or with the reason why its template
        refuses it. Raises CandidateError if its template is not trusted or cannot be rendered."""
        with candidate_errors(candidate):
            code, refusal = code_of(candidate, self.render)
        if refusal:
            return NewCandidate(candidate=candidate, code=code, refusal=refusal)
        gate = self._overhead(candidate, code)
        need = None if gate is None else cost(candidate, self.profiles, self.num_classes, gate)
        return NewCandidate(candidate=candidate, code=code, cost=need)

    def render(self, candidate: Candidate) -> str:
        """A candidate's source text."""
        return self._write(candidate)

    def _overhead(self, candidate: Candidate, code: str) -> Overhead | None:
        """What the template adds to its experts; measured once for equal choices."""
        settings = tuple(sorted(candidate.settings.items()))
        key = (candidate.template_hash, len(candidate.experts), settings)
        if key not in self._overheads:
            classes = 0 if candidate.experts else self.num_classes
            self._overheads[key] = self._measure(
                code, candidate.image_size, candidate.channels, key, classes
            )
        return self._overheads[key]


def _overhead_here(
    code: str, image_size: int, channels: int, _: object, classes: int
) -> Overhead | None:
    from nas.measure.gate import overhead  # torch

    return overhead(code, image_size, channels, classes)
