"""Every instrument on a trained candidate of each system."""

from pathlib import Path

import pytest
from real_nas import nas, nas_inside

from nas.ledger import Ledger
from nas.registry import INSTRUMENTS

pytestmark = pytest.mark.proof

RECIPE = "epochs: {epochs}, batch_size: 64, lr: 0.003, mixup_alpha: 0, augment: none"
SPACES = {
    "moe4": """\
image_size: 32
experts:
  choose: 2
  families: {byobnet: [test_byobnet], resnet: [test_resnet]}
choices: {mixing: [top1], gate_width: [8]}
""",
    "pce": """\
template: pce
image_size: 16
arms: {moe: {experts: 3, width: 8, stages: 1, patch: 8}}
""",
    "heads": """\
template: heads
image_size: 16
arms: {sparse: {head: sparse, width: 4, experts: 4, hidden: 8}}
""",
    "routing": """\
template: routing
image_size: 16
arms: {deep: {router: deep, experts: 2, width: 8}}
""",
    "growth": """\
template: growth
image_size: 8
channels: 1
arms: {grown: {hidden: 4}}
""",
}
TRAINED = {
    "routing": "procedure: domain_experts, settings: {domains: even}, ",
    "growth": "procedure: growth, settings: {window: 1, min_gain: 1.0, cooldown: 9, target: 1.0}, ",
}
NO_LOGITS = "its experts have no logits of their own"
LACKS = {
    "pce": {"diversity": NO_LOGITS, "oracle": NO_LOGITS},
    "growth": {"drift": "it has no buffers that training moves"},
}
"""Instruments that do not apply, and why."""
SAMPLES = {
    "oracle": "val.gap",
    "drift": "guarded.changed",
    "curvature": "train.eigenvalue_1",
    "surface": "train.eigenvector_losses",
    "routing": "val.",
    "latency": "batch_1.median_ms",
    "diversity": "val.q_statistic",
}


@pytest.mark.parametrize("system", SPACES)
def test_every_instrument(system: str, tmp_path: Path) -> None:
    pytest.importorskip("curvlinops")
    recipe = TRAINED.get(system, "") + RECIPE.format(epochs=4 if system in TRAINED else 1)
    space = tmp_path / f"{system}.yaml"
    space.write_text(f"{SPACES[system]}recipe: {{{recipe}}}\n")
    words = ("--executor", "inline", "--keep-weights", "all", "--no-controls")
    nas_inside("search", str(space), "-n", "1", *words, cwd=tmp_path)
    nas("diagnose", "best", "--only", ",".join(INSTRUMENTS.names()), cwd=tmp_path)

    rows = Ledger(tmp_path / "runs.db").diagnostics()
    found = rows.groupby("instrument")["metric"].agg(lambda names: set(names.dropna()))
    assert set(found.index) == set(INSTRUMENTS.names())
    for name, metrics in found.items():
        if why := LACKS.get(system, {}).get(str(name)):
            assert not metrics
            assert rows.loc[rows["instrument"] == name, "reason"].tolist() == [why]
        else:
            assert any(metric.startswith(SAMPLES[str(name)]) for metric in metrics), (name, metrics)
    guarded = rows.loc[rows["metric"] == "guarded.changed", "value"]
    assert guarded.tolist() == ([] if "drift" in LACKS.get(system, {}) else [0])
    if system == "growth":
        assert "batch_1.expert_2.quartiles_ms" in found["latency"], "it has grown"
    if system == "routing":
        assert "val.domain_oracle" in found["oracle"]
    for report in ("diagnose", "curvature"):
        nas_inside("report", report, cwd=tmp_path)
    assert "oracle" in nas_inside("show", "best", cwd=tmp_path)
