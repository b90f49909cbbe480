"""A finished candidate's code and weights, checked before they are handed out or run."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from nas.contained import contained
from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.ledger.lookup import Found
from nas.ledger.records import CampaignRecord
from nas.render import CandidateError, current_hash, rendered_anew
from nas.schema import WEIGHTS, Candidate, ProblemError, Status, printed_name

AGAIN = "`nas confirm` trains leaders again"


def compared_code(found: Found, render: Callable[[Candidate], str]) -> tuple[str, bool]:
    """A candidate's code, and whether it is what its template makes of it: a template that has
    changed since cannot tell. Raises CandidateError where it is not."""
    candidate, known = found.candidate.spec, found.candidate.code
    try:
        changed = current_hash(candidate) is not None
    except CandidateError:  # it is gone
        changed = True
    return (known, False) if changed else (rendered_anew(candidate, known, render), True)


def kept_weights(ledger: Ledger, found: Found, *, otherwise: str = "") -> Path:
    """The file with a candidate's weights; `check_weights` says whether they are sound.

    Raises ProblemError for a candidate that has not been trained to its end, and for weights that
    were not kept or are gone; `otherwise`: what can be done without them, for the message.
    """
    row, final = found.candidate, found.final
    if final is None or row.outcome != "ok":
        raise ProblemError(
            f"{row.key} has not been trained to its end: {row.outcome or 'it is still open'}",
            fix=otherwise,
        )
    again = "; ".join(filter(None, (AGAIN, otherwise)))
    if final.weights is None:
        why = f" ({final.message})" if final.message else ""
        raise ProblemError(f"the weights of {row.key} were not kept{why}", fix=again)
    path = contained(ledger.attempt_folder(found.campaign.id, row.key, final.id), WEIGHTS)
    if not path.is_file():
        rule = found.campaign.config.keep_weights
        raise ProblemError(
            f"the weights of {printed_name(row.role, row.number)} are not there: the campaign keeps"
            f" {rule} (--keep-weights)",
            where=str(path),
            fix=f"`best` is the best candidate; {again}",
        )
    return path


def with_weights(ledger: Ledger, campaign: CampaignRecord) -> list[str]:
    """The keys of a campaign's candidates whose weights are there, in the order of drawing."""
    query = (
        select(m.Candidate.key, m.Attempt.id)
        .join(m.Attempt, m.Attempt.id == m.Candidate.final_attempt)
        .where(
            m.Candidate.campaign_id == campaign.id,
            m.Candidate.outcome == Status.OK,
            m.Attempt.weights.is_not(None),
        )
        .order_by(m.Candidate.id)
    )
    with ledger.session() as session:
        rows = session.execute(query).all()
    return [
        key
        for key, attempt in rows
        if contained(ledger.attempt_folder(campaign.id, key, attempt), WEIGHTS).is_file()
    ]


def check_weights(file: Path, found: Found, kept: Path) -> str:
    """The SHA-256 of `file`, which is the weights file `kept` or a copy of it.

    Raises ProblemError where it is another than the one recorded, or, where none was recorded, for
    no safetensors file.
    """
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    known = found.final and found.final.weights_sha256
    if known and digest != known:
        raise _damaged(found, kept, "their checksum is not the one that was recorded")
    if not known and not _readable(file):
        raise _damaged(found, kept, "they are no safetensors file")
    return digest


def _damaged(found: Found, kept: Path, why: str) -> ProblemError:
    return ProblemError(
        f"the weights of {found.candidate.key} are damaged: {why}",
        where=str(kept),
        fix=f"take them from a copy; {AGAIN}",
    )


def _readable(file: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as tensors:
            return bool(list(tensors.keys()))
    except (SafetensorError, OSError):
        return False
