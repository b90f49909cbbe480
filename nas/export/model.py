"""`nas export`: a finished candidate as files that need torch, timm, safetensors and Pillow."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nas
from nas import data
from nas.data import preprocess
from nas.export.card import card
from nas.files import check_new_folder, new_folder
from nas.ledger import Ledger
from nas.ledger.lookup import Found, find
from nas.ledger.output_paths import check_output
from nas.render import render
from nas.report.show import details
from nas.schema import WEIGHTS, CampaignConfig, Candidate, DatasetInfo
from nas.trained import check_weights, compared_code, kept_weights

KEPT = (
    *("environment", "recipe", "baselines", "experts", "gate", "families", "members"),
    *("macs", "active_macs"),
)

CODE_ALONE = "`nas export --code-only` writes the code alone"
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
    weights = None if code_only else kept_weights(ledger, found, otherwise=CODE_ALONE)
    code, compared = compared_code(found, render)
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
        (made / "README.md").write_text(card(config, code, weights is not None), encoding="utf-8")
        names = sorted(path.name for path in made.iterdir())
    return [out / name for name in names]


def _copy(weights: Path, to: Path, found: Found) -> str:
    """Copies a weights file; the SHA-256 of the copy. Raises ProblemError as `check_weights`."""
    shutil.copyfile(weights, to)
    return check_weights(to, found, weights)


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
        "structure": found.final and found.final.structure,
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
