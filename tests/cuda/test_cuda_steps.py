"""Drawn mixtures on a device: what the benchmark measures, with the bounds that must hold."""

import gpu
import pytest


@pytest.fixture
def bench(device: str, monkeypatch: pytest.MonkeyPatch) -> gpu.Bench:
    small = gpu.Sizes("tiny", quartets=1, batch=4, steps=1, processes=(1,))
    real = gpu.Sizes("moe4", quartets=2, batch=128, steps=30, processes=(1,))
    monkeypatch.setitem(gpu.SIZES, device, small if device == "cpu" else real)
    return gpu.Bench(device)


def test_estimates_hold(bench: gpu.Bench) -> None:
    rows = list(gpu.memory(bench))
    assert rows
    for row in rows:
        assert row["estimate_mib"] > 1
        if bench.device.type == "cuda":
            assert 1.0 <= row["ratio"] <= 1.5, row


def test_a_step_never_waits_for_the_device(bench: gpu.Bench) -> None:
    for row in gpu.waits(bench):
        assert row["waits_per_step"] == 0, row


def test_a_step_s_figures(bench: gpu.Bench) -> None:
    for row in gpu.step(bench):
        assert row["kernels_per_step"] > 100
        assert 0 < row["busy"] <= 1
        assert row["of_floor"] == pytest.approx(row["images_per_second"] / row["floor"])
