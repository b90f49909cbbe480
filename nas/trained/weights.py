"""A trained candidate's weights, found and checked."""

import hashlib
from pathlib import Path

from nas.contained import contained
from nas.ledger import Ledger
from nas.ledger.lookup import Found
from nas.schema import WEIGHTS, ProblemError, printed_name

AGAIN = "`nas confirm` trains leaders again and keeps the weights, of `confirm 0` first"


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
