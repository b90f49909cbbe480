"""Instruments: what all promise, on every kind of model, and what each finds."""

import inspect
from collections.abc import Callable, Iterator
from math import isfinite

import numpy as np
import pytest
import torch
from diagnose_samples import LAYER_NAMES, SOURCES
from torch import nn

from nas.compute import Compute
from nas.data.batches import Data
from nas.diagnose.examining import checked, instrument
from nas.diagnose.instruments.base import Instrument, NotApplicable, Subject
from nas.diagnose.instruments.latency import FEWEST, ROUNDS, WARM, ForwardLatency, repeated
from nas.diagnose.instruments.routing import RoutingMetrics
from nas.moe import all_metrics
from nas.registry import INSTRUMENTS, METRICS
from nas.train import load_model, score

CPU = Compute(torch.device("cpu"))


def subject(source: str, data: Data, **changes: object) -> Subject:
    torch.manual_seed(0)
    model = CPU.place(load_model(SOURCES[source], data.num_classes)).eval()
    values = {"batch_size": 32, "seed": 5} | changes
    return Subject(model=model, data=data, compute=CPU, **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardLatency, "SECONDS", 0.01)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", INSTRUMENTS.names())
class TestContract:
    """Obligations of every instrument."""

    def test_figures_are_finite_or_there_is_a_reason(
        self, name: str, source: str, few: Data
    ) -> None:
        found = instrument(name)().examine(subject(source, few))
        if isinstance(found, NotApplicable):
            assert found.reason
            return
        for value in checked(found).values():
            assert all(map(isfinite, value if isinstance(value, tuple) else [value]))

    def test_every_figure_is_documented(self, name: str, source: str, few: Data) -> None:
        kind = instrument(name)
        found = kind().examine(subject(source, few))
        named = inspect.getdoc(kind) or ""
        if not isinstance(found, NotApplicable):
            for figure in found:
                last = figure.rpartition(".")[2]
                assert last in named or last in METRICS.names(), figure

    def test_the_seed_decides(self, name: str, source: str, few: Data) -> None:
        kind = instrument(name)
        first, second = (kind().examine(subject(source, few)) for _ in range(2))
        if kind.alone and not isinstance(first, NotApplicable):  # times differ
            assert not isinstance(second, NotApplicable)
            assert list(first) == list(second)
        else:
            assert first == second

    def test_the_model_is_left_as_it_was(self, name: str, source: str, few: Data) -> None:
        given = subject(source, few)
        model = given.model
        first = next(model.parameters())
        first.requires_grad_(False)
        before, numbers, random = _state(model), np.random.get_state()[1], torch.get_rng_state()
        instrument(name)().examine(given)
        after = _state(model)
        assert before.keys() == after.keys()
        assert all(_same(before[key], after[key]) for key in before)
        assert not first.requires_grad
        assert all(p.requires_grad for p in model.parameters() if p is not first)
        assert torch.equal(torch.get_rng_state(), random)
        assert np.array_equal(np.random.get_state()[1], numbers)


def _state(model: nn.Module) -> dict[str, object]:
    return {
        **{name: value.clone() for name, value in model.state_dict().items()},
        **{f"{name} grad": p.grad for name, p in model.named_parameters()},
        **{f"{name} mode": module.training for name, module in model.named_modules()},
        **{
            f"{name} hooks": (len(module._forward_hooks), len(module._forward_pre_hooks))
            for name, module in model.named_modules()
        },
    }


def _same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    return a == b


class TestRouting:
    @pytest.mark.parametrize("source", [s for s, layers in LAYER_NAMES.items() if layers])
    def test_every_metric_of_every_layer(self, source: str, few: Data) -> None:
        given = subject(source, few)
        found = RoutingMetrics().examine(given)
        assert not isinstance(found, NotApplicable)
        expected = {}
        for name, split in (("val", few.val), ("test", few.test)):
            routing = score(given.model, split, 32, compute=CPU).routing
            assert list(routing) == LAYER_NAMES[source]
            for layer, totals in routing.items():
                values = {metric: of(totals) for metric, of in all_metrics().items()}
                expected |= {
                    f"{name}.{layer}.{metric}": value
                    for metric, value in values.items()
                    if value is not None
                }
        assert found == expected
        for layer in LAYER_NAMES[source]:
            shares = found[f"test.{layer}.expert_shares"]
            assert isinstance(shares, tuple)
            assert len(shares) == 3
            assert (f"val.{layer}.drop_rate" in found) == (source == "layers")

    def test_a_plain_model_has_none(self, few: Data) -> None:
        found = RoutingMetrics().examine(subject("plain", few))
        assert found == NotApplicable("the model does not route")


class TestLatency:
    def test_figures_by_batch(self, few: Data) -> None:
        seen: list[int] = []
        given = subject("plain", few)
        given.model.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
        found = ForwardLatency().examine(given)
        assert sorted(set(seen)) == [1, 8, 64]  # though there are 40 validation images
        for batch in (1, 8, 64):
            median = found[f"batch_{batch}.median_ms"]
            assert isinstance(median, float)
            assert median > 0
            assert found[f"batch_{batch}.iqr_ms"] >= 0  # type: ignore[operator]
            rate = found[f"batch_{batch}.images_per_s"]
            assert rate == pytest.approx(1000 * batch / median)

    @pytest.fixture
    def calls(self) -> list[float]:
        return []

    def once(self, calls: list[float], times: Iterator[float]) -> Callable[[], float]:
        def measure() -> float:
            calls.append(next(times))
            return calls[-1]

        return measure

    def test_equal_times_end_it_soon_and_warming_up_does_not_count(
        self, calls: list[float]
    ) -> None:
        times = iter([9.0] * WARM + [0.5] * 1000)
        assert repeated(self.once(calls, times), 3600.0) == (0.5, 0.5, 0.5)
        assert len(calls) == WARM + ROUNDS

    def test_unequal_ones_are_repeated_until_their_median_is_known(
        self, calls: list[float]
    ) -> None:
        times = (1.0 + 0.1 * (n % 3) for n in range(10**6))
        low, median, high = repeated(self.once(calls, times), 3600.0)
        assert (low, median, high) == pytest.approx((1.0, 1.1, 1.2))
        # 1.57 · 0.2 / √n ≤ 0.02 · 1.1
        assert len(calls) == WARM + 204

    def test_slow_ones_are_few(self, calls: list[float]) -> None:
        times = iter([1.0, 1.0, 1.0, 5.0, 7.0, 6.0])
        assert repeated(self.once(calls, times), 4.0) == (5.5, 6.0, 6.5)
        assert len(calls) == WARM + FEWEST


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        ({}, "must give a figure"),
        ({"a.b": float("nan")}, r"a\.b is nan"),
        ({"a": (1.0, float("inf"))}, "a is inf"),
        ({"a": "many"}, "many"),
    ],
)
def test_figures_that_are_none(figures: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checked(figures)


def test_all_are_instruments() -> None:
    assert {"latency", "routing"} <= set(INSTRUMENTS.names())
    assert all(issubclass(instrument(name), Instrument) for name in INSTRUMENTS.names())
