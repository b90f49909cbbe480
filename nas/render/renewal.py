"""Code that is run is rendered now: what a ledger keeps of a candidate is only compared with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nas.render.engine import render_to_run
from nas.render.library import template_hash
from nas.schema import Candidate, ProblemError


class CandidateError(ProblemError):
    """A candidate in the ledger cannot be what it says."""


def current_hash(candidate: Candidate) -> str | None:
    """The hash of a candidate's template where it is another than the candidate was drawn with.

    Raises CandidateError where there is no such template.
    """
    with candidate_errors(candidate):
        now = template_hash(candidate.template)
    return None if now == candidate.template_hash else now


def rendered_anew(
    candidate: Candidate, known: str, render: Callable[[Candidate], str] = render_to_run
) -> str:
    """The code of a candidate whose template is the one it was drawn with.

    Raises CandidateError where the ledger knows it as another text, or it cannot be rendered.
    """
    with candidate_errors(candidate):
        code = render(candidate)
    if code != known:
        raise CandidateError(
            f"the code of candidate {candidate.key} is not what its template"
            f" {candidate.template} makes of it: somebody changed the ledger, or another version of"
            " nas wrote it",
            where="+".join(candidate.families) or candidate.template,
            fix=f"`nas show {candidate.key} --code` prints it; to go on, take the ledger from a"
            " copy that you trust, or begin another campaign",
        )
    return code


@contextmanager
def candidate_errors(candidate: Candidate) -> Iterator[None]:
    """Makes a CandidateError of what is wrong with rendering a candidate."""
    try:
        yield
    except ProblemError as error:
        problem = error.problem
        raise CandidateError(
            f"candidate {candidate.key} cannot be rendered: {problem.what}",
            where=problem.where,
            fix=problem.fix,
        ) from error
