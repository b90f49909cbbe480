"""What a model card says of the model."""

from typing import Any

import pytest

from nas.export.card import card

NOTHING = {"val_acc": None, "test_acc": None}


def config(candidate: dict[str, Any], families: str = "") -> dict[str, Any]:
    return {
        "nas": "1",
        "key": "k",
        "families": families,
        "gate": {},
        "experts": [],
        "num_classes": 2,
        "image_size": 32,
        "channels": 3,
        "value_range": None,
        "structure": None,
        "mean": [0.5],
        "std": [0.25],
        "metrics": {"params": 1, **NOTHING},
        "baselines": dict.fromkeys(("alone", "uniform", "oracle"), NOTHING),
        "recipe": {"epochs": 1, "batch_size": 2, "lr": 0.1},
        "candidate": {
            "template": "pce",
            "experts": [],
            "task": {"dataset": "digits", "split_seed": 0},
            **candidate,
        },
    }


@pytest.mark.parametrize(
    ("candidate", "families", "title", "what"),
    [
        ({"experts": [1, 2]}, "ant+bee", "ant + bee", "A mixture of 2 timm networks, from nas"),
        ({"experts": [1]}, "ant", "ant", "One timm network, from nas"),
        ({}, "", "pce", "A model of the template pce, from nas"),
        (
            {"arm": {"name": "moe", "label": "moe(experts=16)"}},
            "moe",
            "moe(experts=16)",
            "A model of the template pce, variant moe(experts=16) of its space, from nas",
        ),
    ],
)
def test_names_what_it_is(candidate: Any, families: str, title: str, what: str) -> None:
    lines = card(config(candidate, families), "", True).splitlines()
    assert lines[0].replace("\\", "") == f"# {title}"
    assert lines[2].replace("\\", "").startswith(what)


@pytest.mark.parametrize(
    ("drawn", "head", "row"),
    [
        (["e"], "| expert | timm model | val acc % |", "| resnet | `test_resnet` | 50.00 |"),
        ([], "| expert | val acc % |", "| resnet `test_resnet` | 50.00 |"),
    ],
)
def test_only_drawn_experts_are_timm_models(drawn: list[str], head: str, row: str) -> None:
    figures = {"val_acc": 0.5, "test_acc": 0.5, "usage": 1.0, "alone_test_acc": None}
    given = config({"experts": drawn})
    given["experts"] = [{"family": "resnet", "model": "test_resnet", **figures}]
    lines = card(given, "", True).splitlines()
    assert [line for line in lines if line.startswith(head)]
    assert [line for line in lines if line.replace("\\", "").startswith(row)]


@pytest.mark.parametrize(
    ("code", "packages"),
    [
        ("import math\nimport torch\n", "torch, safetensors and Pillow"),
        ("import timm\nimport torch\n", "torch, timm, safetensors and Pillow"),
        (
            "def build():\n    from timm import models\n",
            "torch, timm, safetensors and Pillow",
        ),
        ('"""No timm here."""\nimport torch\n', "torch, safetensors and Pillow"),
    ],
)
def test_names_the_packages_it_needs(code: str, packages: str) -> None:
    assert f"Needs {packages}. In this folder:" in card(config({}), code, True)


@pytest.mark.parametrize(("epochs", "words"), [(1, " 1 epoch of "), (2, " 2 epochs of ")])
def test_counts_epochs(epochs: int, words: str) -> None:
    given = config({})
    given["recipe"]["epochs"] = epochs
    assert words in card(given, "", True)


def test_says_that_images_of_a_batch_share_places() -> None:
    words = "The images of a batch share places in this model"
    assert words in card(config({}), "import torch\n\nCOUPLED = True\n", True)
    assert words not in card(config({}), "import torch\n", True)
