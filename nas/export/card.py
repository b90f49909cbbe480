"""The model card of an exported candidate."""

import re
from collections.abc import Mapping
from typing import Any

from nas.data import described, kept_small
from nas.report.cells import cell
from nas.report.escape import code_span, markdown

_UNCOMPARED = (
    "The template has changed since this was drawn: `model.py` is as the ledger has it, and could"
    " not be compared with what the template makes."
)
_COUPLED = (
    "**The images of a batch share places in this model**, so what it says of an image depends on"
    " the others of its batch. The figures above were measured in batches of validation and test"
    " images; one image at a time may be classified otherwise."
)
_LOAD = """\
import json
from pathlib import Path

import torch
from model import build
from preprocess import prepare
from safetensors.torch import load_file

config = json.loads(Path("config.json").read_text(encoding="utf-8"))
model = build({build})
model.load_state_dict(load_file("weights.safetensors"))
model.eval()
"""
_USE = """\
names = ["photo.jpg"]
how = {{name: config[name] for name in ("image_size", "channels", "value_range")}}
pixels = torch.stack([torch.from_numpy(prepare(name, **how)) for name in names])  # uint8
mean = torch.tensor(config["mean"]).view(1, -1, 1, 1)
std = torch.tensor(config["std"]).view(1, -1, 1, 1)
with torch.no_grad():
    logits = model((pixels / 255 - mean) / std)  # (B, {channels}, {size}, {size}) → (B, {classes})
print([config["class_names"][i] for i in logits.argmax(dim=1)])
"""


def card(config: Mapping[str, Any], code: str, weights: bool) -> str:
    """Markdown: what it is, how it was trained, what it scores beside its baselines, its use."""
    candidate = config["candidate"]
    task, recipe = candidate["task"], config["recipe"]
    count, epochs = len(candidate["experts"]), recipe["epochs"]
    title, what = _what(candidate, config["families"])
    lines = [
        f"# {title}",
        "",
        f"{what}, from nas {config['nas']} (candidate {code_span(config['key'], cell=False)})"
        + (", trained." if weights else ": the code alone, untrained."),
        "",
        *([] if config.get("code_compared", True) else [_UNCOMPARED, ""]),
    ]
    if config["experts"]:
        names, rule = ("| expert | timm model", "| --- | ---") if count else ("| expert", "| ---")
        lines += [
            f"{names} | val acc % | test acc % | gate weight % | alone, test acc % |",
            f"{rule} | ---: | ---: | ---: | ---: |",
        ]
    for e in config["experts"]:
        figures = (
            cell(name, e[name]) for name in ("val_acc", "test_acc", "usage", "alone_test_acc")
        )
        between = " | " if count else " "  # of others the two are one name
        names = f"{markdown(e['family'])}{between}{code_span(e['model'])}"
        lines.append(f"| {names} | {' | '.join(figures)} |")
    gate = markdown(", ".join(f"{name} {value}" for name, value in config["gate"].items()))
    lines += [
        "",
        f"{'Gate' if count else 'Settings'}: {gate or 'as the template has it'}."
        f" Parameters: {cell('params', config['metrics']['params'])}.",
        "",
        "## Training",
        "",
        f"Data: {markdown(task['dataset'])}, split seed {task['split_seed']},"
        f" {config['image_size']} px, {config['num_classes']} classes."
        f" {epochs} epoch{'s' * (epochs != 1)} of batch {recipe['batch_size']},"
        f" learning rate {recipe['lr']};"
        " the whole recipe is in `config.json`. Selected on validation; the test set was measured"
        " once, after training.",
        "",
        "| | val acc % | test acc % |",
        "| --- | ---: | ---: |",
        _row("this mixture" if count else "this model", config["metrics"]),
        *(
            _row(name, config["baselines"][which])
            for name, which, there in (
                ("its best member trained alone", "alone", count),
                ("uniform average of its experts", "uniform", count or config["experts"]),
                ("oracle: any of its experts right", "oracle", count or config["experts"]),
            )
            if there
        ),
        "",
        "## Images",
        "",
        _images(config),
        "",
        *([_COUPLED, ""] if re.search(r"^COUPLED = True$", code, flags=re.MULTILINE) else []),
        "## Use",
        "",
        f"Needs {', '.join(_packages(code))} and Pillow. In this folder:",
        "",
        "```python",
        _script(config, weights) + "```",
    ]
    return "\n".join(lines) + "\n"


def _what(candidate: Mapping[str, Any], families: str) -> tuple[str, str]:
    """The model's name, and a sentence's beginning that says what it is."""
    count, template = len(candidate["experts"]), markdown(candidate["template"])
    if count:
        what = f"A mixture of {count} timm networks" if count > 1 else "One timm network"
        return markdown(families.replace("+", " + ")), what
    arm = candidate.get("arm")
    if not arm:
        return template, f"A model of the template {template}"
    label = markdown(arm["label"])
    return label, f"A model of the template {template}, variant {label} of its space"


def _packages(code: str) -> list[str]:
    """What the model needs beside Pillow, which `preprocess.py` needs."""
    timm = re.search(r"^\s*(import|from) timm\b", code, flags=re.MULTILINE)
    return ["torch", *(["timm"] if timm else []), "safetensors"]


def _script(config: Mapping[str, Any], weights: bool) -> str:
    """How to load the model and use it."""
    build = 'config["num_classes"]'
    if config["structure"] is not None:
        build += ', structure=config["structure"]'
    text = _LOAD.format(build=build) + _USE.format(
        channels=config["channels"], size=config["image_size"], classes=config["num_classes"]
    )
    return "".join(line for line in text.splitlines(True) if weights or "load_" not in line)


def _images(config: Mapping[str, Any]) -> str:
    """How an image of the data set became an input, in words; and how a new file does, by
    `preprocess.py`, where that is not the same."""
    dataset, size, channels = (
        config["candidate"]["task"]["dataset"],
        config["image_size"],
        config["channels"],
    )
    known = described(dataset)
    colour = "grey" if channels == 1 else "RGB"
    small = kept_small(dataset, size, channels)
    mean, std = (", ".join(f"{x:.4f}" for x in config[name]) for name in ("mean", "std"))
    end = (
        f"divided by 255 and normalised: (x − mean) / std, with mean {mean} and standard deviation"
        f" {std}. Nothing was augmented for the figures above."
    )
    span = config["value_range"]
    scaled = (
        f"mapped from {span[0]:g}…{span[1]:g}, in all images alike, to 0…255 and clipped, "
        if span
        else ""
    )
    read = (
        "its first frame of full size, turned upright by its EXIF orientation, colour of 16 bits"
        " cut to its upper 8, transparent parts laid on mid-grey (128), converted to"
        f" {colour}, scaled to cover {size}×{size} pixels (bilinear, antialiased) and cropped to"
        f" the middle, {scaled}rounded to 8 bits"
    )
    script = "`preprocess.py`, which needs Pillow and NumPy alone"
    if known.images_are_files and not small:
        return f"Every image was prepared by {script}: {read}, {end}"
    up = f"scaled up to {size}×{size} pixels by torch (bilinear) and not rounded again, "
    if known.images_are_files:
        own = f"Every image was prepared by {script}, but at its own size, {up}"
    elif small:
        own = f"Every image was a row of an array, converted to {colour}, rounded to 8 bits, {up}"
    else:
        own = (
            f"Every image was a row of an array, converted to {colour}, scaled to {size}×{size}"
            " pixels by torch (bilinear, antialiased), rounded to 8 bits, "
        )
    return (
        f"{own}{end}{known.pixels and ' ' + known.pixels}\n\n"
        f"A new file is prepared by {script}: {read}. Of an image of this data set it makes the"
        f" same pixels but for {2 if small else 1} of 255 at most."
    )


def _row(name: str, figures: Mapping[str, float | None]) -> str:
    val, test = (cell(column, figures[column]) for column in ("val_acc", "test_acc"))
    return f"| {name} | {val} | {test} |"
