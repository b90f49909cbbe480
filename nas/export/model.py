"""`nas export`: a finished candidate as files that need torch, timm, safetensors and Pillow."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nas
from nas import data
from nas.contained import contained
from nas.data import preprocess
from nas.export.card import card
from nas.files import check_new_folder, new_folder
from nas.ledger import Ledger
from nas.ledger.lookup import Found, find
from nas.ledger.output_paths import check_output
from nas.render import CandidateError, current_hash, render, rendered_anew
from nas.report.show import details
from nas.schema import (
    WEIGHTS,
    CampaignConfig,
    Candidate,
    DatasetInfo,
    ProblemError,
    printed_name,
)

KEPT = ("environment", "recipe", "baselines", "experts", "gate", "families", "members", "macs")

AGAIN = "`nas confirm` trains leaders again; `nas export --code-only` writes the code alone"
TAKE_BEST = "`nas export best` exports the best candidate"
NOT_COMPARED = (
    "its template has changed since: the code is as the ledger has it, and could not be compared"
    " with what the template makes"
)
UNCHECKED = "kept by a nas that recorded no checksum: whether they are as written is not known"


def export(
    ledger: Ledger,
    ident: str,
    out: Path,
    campaign: str | None = None,
    *,
    code_only: bool = False,
    on_message: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Writes model.py, preprocess.py, weights.safetensors, config.json and README.md into a new or
    empty folder.

    Returns the files written. Raises ProblemError for a candidate that has not been trained to
    its end, for weights that were not kept, are gone or are not what was written, and for a folder
    that holds something, or for code that is not what its template makes of the candidate; nothing
    is left behind then. `code_only` leaves the weights out. `on_message` gets
    warnings about what was written.
    """
    found = find(ledger, ident, campaign)
    check_output(out)
    check_new_folder(out)
    weights = None if code_only else _weights(ledger, found)
    code, compared = _code(found)
    if not compared:
        on_message(f"model.py: {NOT_COMPARED}")
    config = {**_config(ledger, found), "code_compared": compared}
    with new_folder(out) as made:
        if weights is not None:
            config["weights_sha256"] = _copy(weights, made / WEIGHTS, found)
            if found.final and found.final.weights_sha256 is None:
                on_message(f"{WEIGHTS}: {UNCHECKED}")
        (made / "model.py").write_text(code, encoding="utf-8")
        shutil.copyfile(preprocess.__file__, made / "preprocess.py")
        (made / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        (made / "README.md").write_text(card(config, weights is not None), encoding="utf-8")
        names = sorted(path.name for path in made.iterdir())
    return [out / name for name in names]


def _code(found: Found) -> tuple[str, bool]:
    """A candidate's code, and whether it is what its template makes of it: a template that has
    changed since cannot tell. Raises CandidateError where it is not."""
    candidate, known = found.candidate.spec, found.candidate.code
    try:
        changed = current_hash(candidate) is not None
    except CandidateError:  # it is gone
        changed = True
    return (known, False) if changed else (rendered_anew(candidate, known, render), True)


def _weights(ledger: Ledger, found: Found) -> Path:
    row, final = found.candidate, found.final
    if final is None or row.outcome != "ok":
        raise ProblemError(
            f"{row.key} has not been trained to its end: {row.outcome or 'it is still open'}",
            fix="`nas export --code-only` writes its code",
        )
    if final.weights is None:
        why = f" ({final.message})" if final.message else ""
        raise ProblemError(f"the weights of {row.key} were not kept{why}", fix=AGAIN)
    path = contained(ledger.attempt_folder(found.campaign.id, row.key, final.id), WEIGHTS)
    if not path.is_file():
        rule = found.campaign.config.keep_weights
        raise ProblemError(
            f"the weights of {printed_name(row.role, row.number)} are not there: the campaign keeps"
            f" {rule} (--keep-weights)",
            where=str(path),
            fix=f"{TAKE_BEST}; {AGAIN}",
        )
    return path


def _copy(weights: Path, to: Path, found: Found) -> str:
    """Copies a weights file; the SHA-256 of the copy. Raises ProblemError where it is another than
    the one recorded."""
    shutil.copyfile(weights, to)
    with to.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known = found.final and found.final.weights_sha256
    if known and digest != known:
        raise ProblemError(
            f"the weights of {found.candidate.key} are damaged: their checksum is not the one that"
            " was recorded",
            where=str(weights),
            fix=f"take them from a copy; {AGAIN}",
        )
    if not known:
        _check_readable(to, found.candidate.key, weights)
    return digest


def _check_readable(copy: Path, key: str, weights: Path) -> None:
    """Of weights that no checksum is known of. Raises ProblemError for no safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(copy, framework="numpy") as file:
            readable = bool(list(file.keys()))
    except (SafetensorError, OSError):
        readable = False
    if not readable:
        raise ProblemError(
            f"the weights of {key} are damaged: they are no safetensors file",
            where=str(weights),
            fix=f"take them from a copy; {AGAIN}",
        )


def _config(ledger: Ledger, found: Found) -> dict[str, Any]:
    """Everything a process without nas needs to build, feed and judge the model."""
    candidate = found.candidate.spec
    inputs = found.inputs or _read_inputs(candidate, found.campaign.config)
    known = details(ledger, found.candidate.key, found.campaign.name)
    return {
        "nas": nas.__version__,
        "key": candidate.key,
        "num_classes": inputs.num_classes,
        "class_names": list(inputs.class_names),
        "image_size": candidate.image_size,
        "channels": candidate.channels,
        "value_range": inputs.value_range and list(inputs.value_range),
        "mean": list(inputs.mean),
        "std": list(inputs.std),
        "preprocessing": preprocess.STEPS,
        "metrics": {
            name: known[name] for name in ("val_acc", "test_acc", "epochs_trained", "params")
        },
        **{name: known[name] for name in KEPT},
        "candidate": candidate.model_dump(mode="json"),
    }


def _read_inputs(candidate: Candidate, config: CampaignConfig) -> DatasetInfo:
    """From the data set itself, where no attempt of the campaign has recorded them."""
    import torch

    return data.load(
        candidate.task,
        image_size=candidate.image_size,
        channels=candidate.channels,
        root=Path(config.data_root),
        device=torch.device("cpu"),
    ).inputs
