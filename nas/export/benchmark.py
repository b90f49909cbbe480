"""A bank as a tabular benchmark: what every expert says, what every mixture scores, how to read it.

Others can then ask which experts belong together without training any.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nas
from nas.experts import SPLITS, Bank, BankError, Entry
from nas.files import new_folder, write_text
from nas.ledger.output_paths import check_output
from nas.report.escape import markdown
from nas.report.render import csv_text
from nas.schema import DataConfig, Space

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Of what the files mean; see the README that goes with them."""

_LOADER = '''\
"""Reads a tabular MoE benchmark: `members, labels, logits = load("val")`."""

import csv
import json
from pathlib import Path

from safetensors.numpy import load_file

HERE = Path(__file__).parent
members = json.loads((HERE / "members.json").read_text(encoding="utf-8"))


def load(split: str) -> tuple[list[str], "numpy.ndarray", "numpy.ndarray"]:
    """`held`, `val` or `test`: member names (E), labels (N,), logits (E, N, C)."""
    tensors = load_file(HERE / f"{split}.safetensors")
    return [m["model"] for m in members], tensors["labels"], tensors["logits"]


def quartets() -> list[dict[str, str]]:
    """One row a mixture, best uniform average first; empty where none was screened."""
    path = HERE / "quartets.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
'''


def publish(
    bank: Bank,
    entries: Sequence[Entry],
    scores: "pd.DataFrame | None",
    folder: Path,
    *,
    space: Space,
    config: DataConfig,
    licence: str,
    of: int | None = None,
) -> dict[str, int]:
    """Writes the benchmark into a new or empty folder; its files' sizes by name. `of` is how many
    mixtures there are, of which `scores` may hold a part.

    Raises ProblemError for a folder that holds something and for a bank that cannot be read;
    nothing is left behind then.
    """
    if not entries:
        raise BankError("there is no expert to publish", where=str(bank.folder))
    check_output(folder)
    with new_folder(folder) as fresh:
        _write(fresh, bank, entries, scores, space, config, licence, of)
        return {path.name: path.stat().st_size for path in sorted(fresh.iterdir())}


def _write(
    folder: Path,
    bank: Bank,
    entries: Sequence[Entry],
    scores: "pd.DataFrame | None",
    space: Space,
    config: DataConfig,
    licence: str,
    of: int | None,
) -> None:
    import torch
    from safetensors.torch import save_file

    ordered = sorted(entries, key=lambda entry: (entry.family, entry.model))
    predictions = [bank.logits(entry) for entry in ordered]
    for split in SPLITS:
        labels = predictions[0][split][1]
        if any(not torch.equal(one[split][1], labels) for one in predictions):
            raise BankError(
                "the experts' predictions are for different images", where=str(bank.folder)
            )
        logits = torch.stack([one[split][0] for one in predictions])
        save_file({"logits": logits, "labels": labels}, folder / f"{split}.safetensors")
    members = [
        _member(entry, [bank.entry(k) for k in entry.candidate.init_from]) for entry in ordered
    ]
    write_text(folder / "members.json", json.dumps(members, indent=1))
    if scores is not None:
        write_text(folder / "quartets.csv", csv_text(scores))
    write_text(folder / "load.py", _LOADER)
    write_text(folder / "README.md", _card(ordered, scores, space, config, licence, of))
    about = {
        "version": VERSION,
        "nas": nas.__version__,
        "licence": licence,
        "space": space.model_dump(mode="json"),
        "task": ordered[0].candidate.task.model_dump(mode="json"),
        "class_names": list(ordered[0].inputs.class_names),
        "replicate": ordered[0].candidate.replicate,
        "tuned": bool(ordered[0].candidate.init_from),
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            for path in sorted(folder.iterdir())
        },
    }
    write_text(folder / "benchmark.json", json.dumps(about, indent=1))


def _member(entry: Entry, begun: Sequence[Entry]) -> dict[str, Any]:
    """`begun`: the expert that a tuned one was trained on from, or none."""
    return {
        "family": entry.family,
        "model": entry.model,
        "args": entry.candidate.experts[0].member.args,
        "params": entry.params,
        "latency": entry.latency,
        "val_acc": entry.val_acc,
        "test_acc": entry.test_acc,
        "train_seconds": entry.seconds,
        "training_seed": entry.candidate.seed,
        "recipe": entry.candidate.training_recipe.model_dump(mode="json"),
        "trained_on_from": [_member(one, ()) for one in begun],
        "versions": entry.versions,
        "device": entry.device,
        "key": entry.key,
    }


def _card(
    entries: Sequence[Entry],
    scores: "pd.DataFrame | None",
    space: Space,
    config: DataConfig,
    licence: str,
    of: int | None,
) -> str:
    first, k = entries[0], space.experts.k if space.experts else 0
    counts = first.inputs
    mixtures = f"{len(scores):,} mixtures of {k}" if scores is not None else "no mixtures yet"
    if scores is not None and of is not None and len(scores) < of:
        mixtures = f"{len(scores):,} of the {of:,} mixtures of {k}, drawn uniformly or by size,"
    recipe = ", ".join(f"{name} {value}" for name, value in first.candidate.training_recipe)
    of_what = markdown(f"{space.name} on {config.dataset}")
    on = ""
    if first.candidate.init_from:
        on = (
            " The experts are tuned: each had been trained before, as `trained_on_from` in"
            " `members.json` says, and was then trained on, alone."
        )
    return f"""# A tabular Mixture-of-Experts benchmark: {of_what}

The logits of {len(entries)} separately trained timm networks for every held-out, validation and
test image, and the scores of {mixtures} of them: for research on which experts belong together,
without training one. Version {VERSION}, made by nas {nas.__version__}.

- `held.safetensors`, `val.safetensors`, `test.safetensors`: `logits`, float32 (E, N, C), and
  `labels`, int64 (N,).
- `members.json`: the E experts in the logits' order: model, parameters, latency in seconds by
  batch size, accuracies, recipe, training seed.
- `quartets.csv`: one row a mixture. Validation accuracies in [0, 1]: `uniform` of the plain average
  of logits, `probe` with a linear probe on all experts' features beside it, `static` with fixed
  weights, `gate` with a gate (these three fitted on the held-out images; empty where not fitted),
  `oracle` where any expert is right, `best_member` of the best alone. With `_loss` cross-entropy in
  nats, with `_test` accuracy on test; `params`; `latency` of one image in seconds, expert after
  expert; `rank` by `uniform`.
- `load.py`: a few lines that read all of it, with NumPy and safetensors alone.
- `benchmark.json`: the space, the split, versions, and the SHA-256 of every file.

Images: {counts.train_images:,} to train on, {first.held_images:,} held out of training (fit weights
and gates there), {counts.val_images:,} to choose by, {counts.test_images:,} to report. Split seed
{first.candidate.task.split_seed}; the images themselves are not here.

Recipe: {markdown(recipe)}.{on}

Licence of these files: {markdown(licence)}. The data set has its own.
"""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
