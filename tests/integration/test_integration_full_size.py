"""Spaces of published size: their dry runs, on a machine without the data and without a GPU."""

import json
from pathlib import Path
from typing import Any

import pytest
from real_nas import inside

pytestmark = pytest.mark.proof

PCE = {4: 33_501_017, 8: 58_888_765, 16: 109_664_261}
HEADS = {"dense": 267_786, "soft": 271_960, "softmoe": 271_953, "sparse": 276_048}
"""Parameters of the heads alone."""


def drawn(space: str, where: Path) -> list[dict[str, Any]]:
    done = inside("search", space, "--dry-run", "--json", cwd=where)
    assert done.returncode == 0, done.stderr
    candidates: list[dict[str, Any]] = json.loads(done.stdout)["candidates"]
    assert [each["refused"] for each in candidates] == [None] * len(candidates)
    return candidates


def test_positional_convolution_experts(tmp_path: Path) -> None:
    found = {}
    for each in drawn("pce-tinyimagenet", tmp_path):
        [arm] = each["families"]
        if arm == "moe":
            experts = each["gate"]["experts"]
            assert each["active_macs"] == 9_212_416_000 + 109_172 * experts
            found[experts] = each["params"]
        elif arm == "dense":
            assert each["macs"] == each["active_macs"] == 9_212_416_000
        else:
            assert arm == "resnet18"
            # The 1000 classes' 11,689,512 with 200.
            assert each["params"] == 11_689_512 - 800 * 513
    assert found == PCE


def test_heads(tmp_path: Path) -> None:
    found: dict[str, set[int]] = {}
    for each in drawn("heads-cifar10", tmp_path):
        found.setdefault(each["gate"]["head"], set()).add(each["params"])
    backbone = 11_173_962 - 5_130
    """A ResNet-18 with a CIFAR stem, without its classifier of 10 classes."""
    assert found == {head: {backbone + count} for head, count in HEADS.items()}


BACKBONE = 11_168_832
"""Parameters of a ResNet-18 with a CIFAR stem, without its classifier."""
LAST_GROUP = 8_393_728
"""Of these in the last of its four groups."""
MACS = 555_417_600
"""Multiply-accumulates of the backbone for 32×32 pixels."""


def test_routed_experts(tmp_path: Path) -> None:
    """The last group four times, each with a classifier of 100 classes; of an image one runs."""
    rows = drawn("routing-cifar100", tmp_path)
    assert len(rows) == 11
    for each in rows:
        routers = {"linear": 256 * 4 + 4, "deep": 256 * 128 + 128 + 128 * 4 + 4}
        router = routers[each["gate"]["router"]]
        experts = 4 * (LAST_GROUP + 512 * 100 + 100)
        assert each["params"] == BACKBONE - LAST_GROUP + experts + router
        products = {"linear": 256 * 4, "deep": 256 * 128 + 128 * 4}[each["gate"]["router"]]
        assert each["macs"] == each["active_macs"] == MACS + 512 * 100 + products


def test_a_growing_mixture(tmp_path: Path) -> None:
    """Two experts of 64 hidden units at the start."""
    rows = drawn("growth-cifar10", tmp_path)
    assert len(rows) == 4
    for each in rows:
        expert = 512 * 64 + 64 + 64 * 10 + 10
        assert each["params"] == BACKBONE + 2 * expert + 512 * 2 + 2
        assert each["macs"] == MACS + 2 * (512 * 64 + 64 * 10) + 512 * 2
