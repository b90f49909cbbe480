"""A trained candidate's code, compared with what its template makes of it."""

from collections.abc import Callable

from nas.ledger.lookup import Found
from nas.render import CandidateError, current_hash, rendered_anew
from nas.schema import Candidate


def compared_code(found: Found, render: Callable[[Candidate], str]) -> tuple[str, bool]:
    """A candidate's code, and whether it is what its template makes of it: a template that has
    changed since cannot tell. Raises CandidateError where it is not."""
    candidate, known = found.candidate.spec, found.candidate.code
    try:
        changed = current_hash(candidate) is not None
    except CandidateError:  # it is gone
        changed = True
    return (known, False) if changed else (rendered_anew(candidate, known, render), True)
