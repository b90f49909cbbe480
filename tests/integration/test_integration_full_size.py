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
