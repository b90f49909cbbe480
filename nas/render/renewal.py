"""Renders a candidate's code again before it runs; the ledger's copy is only compared with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nas.render.engine import code_of, render_to_run
from nas.render.library import template_hash
from nas.schema import Candidate, ProblemError


class CandidateError(ProblemError):
    """A candidate in the ledger does not match its recorded code or cannot be rendered."""


def current_hash(candidate: Candidate) -> str | None:
    """The current hash of a candidate's template if it has changed since the draw; otherwise None.

    Raises CandidateError if the template does not exist.
    """
    with candidate_errors(candidate):
        now = template_hash(candidate.template)
    return None if now == candidate.template_hash else now


def rendered_anew(
    candidate: Candidate, known: str, render: Callable[[Candidate], str] = render_to_run
) -> str:
    """The code of a candidate, rendered again from its unchanged template; empty if that refuses
    it.

    Raises CandidateError if it differs from `known`, the ledger's text, or cannot be rendered.
    """
    with candidate_errors(candidate):
        code, _ = code_of(candidate, render)
    if code != known:
        raise CandidateError(
            f"the code of candidate {candidate.key} differs from what its template"
            f" {candidate.template} renders: somebody changed the ledger, or another version of"
            " nas wrote it",
            where="+".join(candidate.families) or candidate.template,
            fix=f"`nas show {candidate.key} --code` prints it; to continue, restore the ledger from"
            " a copy that you trust, or start another campaign",
        )
    return code


@contextmanager
def candidate_errors(candidate: Candidate) -> Iterator[None]:
    """Turns an error in rendering a candidate into a CandidateError."""
    try:
        yield
    except ProblemError as error:
        problem = error.problem
        raise CandidateError(
            f"candidate {candidate.key} cannot be rendered: {problem.what}",
            where=problem.where,
            fix=problem.fix,
        ) from error
