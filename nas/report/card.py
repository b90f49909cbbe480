"""The model card of an exported candidate."""

from collections.abc import Mapping
from typing import Any

from nas.report.cells import cell
from nas.report.marks import code_span, markdown

_LOAD = """\
import json
from pathlib import Path

import torch
from model import build
from safetensors.torch import load_file

config = json.loads(Path("config.json").read_text(encoding="utf-8"))
model = build(config["num_classes"])
model.load_state_dict(load_file("weights.safetensors"))
model.eval()
"""
_USE = """\
mean = torch.tensor(config["mean"]).view(1, -1, 1, 1)
std = torch.tensor(config["std"]).view(1, -1, 1, 1)
# images: floats in [0, 1], (B, {channels}, {size}, {size}), resized bilinearly
logits = model((images - mean) / std)  # (B, {classes})
"""


def card(config: Mapping[str, Any], weights: bool) -> str:
    """Markdown: what it is, how it was trained, what it scores beside its baselines, its use."""
    candidate = config["candidate"]
    task, recipe = candidate["task"], candidate["recipe"]
    count = len(candidate["experts"])
    what = f"A mixture of {count} timm networks" if count > 1 else "One timm network"
    lines = [
        f"# {markdown(config['families'].replace('+', ' + ') or config['key'])}",
        "",
        f"{what}, from nas {config['nas']} (candidate {code_span(config['key'], cell=False)})"
        + (", trained." if weights else ": the code alone, untrained."),
        "",
        "| expert | timm model | val acc % | test acc % | gate weight % | alone, test acc % |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for e in config["experts"]:
        figures = (
            cell(name, e[name]) for name in ("val_acc", "test_acc", "usage", "alone_test_acc")
        )
        names = f"{markdown(e['family'])} | {code_span(e['model'])}"
        lines.append(f"| {names} | {' | '.join(figures)} |")
    gate = markdown(", ".join(f"{name} {value}" for name, value in config["gate"].items()))
    lines += [
        "",
        f"Gate: {gate or 'as the template has it'}."
        f" Parameters: {cell('params', config['metrics']['params'])}.",
        "",
        "## Training",
        "",
        f"Data: {markdown(task['dataset'])}, split seed {task['split_seed']},"
        f" {config['image_size']} px, {config['num_classes']} classes."
        f" {recipe['epochs']} epochs of batch {recipe['batch_size']}, learning rate {recipe['lr']};"
        " the whole recipe is in `config.json`. Selected on validation; the test set was measured"
        " once, after training.",
        "",
        "| | val acc % | test acc % |",
        "| --- | ---: | ---: |",
        _row("this mixture", config["metrics"]),
        _row("its best member trained alone", config["baselines"]["alone"]),
        _row("uniform average of its experts", config["baselines"]["uniform"]),
        _row("top-1 oracle over its experts", config["baselines"]["oracle"]),
        "",
        "## Use",
        "",
        "Needs torch, timm and safetensors. In this folder:",
        "",
        "```python",
        "".join(line for line in _LOAD.splitlines(True) if weights or "load_" not in line)
        + _USE.format(
            channels=config["channels"], size=config["image_size"], classes=config["num_classes"]
        )
        + "```",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, figures: Mapping[str, float | None]) -> str:
    val, test = (cell(column, figures[column]) for column in ("val_acc", "test_acc"))
    return f"| {name} | {val} | {test} |"
