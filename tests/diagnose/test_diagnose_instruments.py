"""Instruments: what all promise, on every kind of model, and what each finds."""

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
from nas.diagnose.explaining import MOST_HEADLINES, headlines, legend
from nas.diagnose.instruments.base import Instrument, NotApplicable, Subject
from nas.diagnose.instruments.curvature import Curvature
from nas.diagnose.instruments.diversity import ExpertDiversity, diversity
from nas.diagnose.instruments.drift import FrozenDrift
from nas.diagnose.instruments.latency import (
    FEWEST,
    ROUNDS,
    WARM,
    ForwardLatency,
    parts,
    repeated,
)
from nas.diagnose.instruments.routing import RoutingMetrics
from nas.diagnose.instruments.surface import LossSurface
from nas.diagnose.legends.base import Unit, matches, named
from nas.moe import all_metrics
from nas.registry import INSTRUMENTS
from nas.train import load_model, score

CPU = Compute(torch.device("cpu"))
BATCHES = ForwardLatency.BATCHES


def subject(source: str, data: Data, **changes: object) -> Subject:
    torch.manual_seed(0)
    model = CPU.place(load_model(SOURCES[source], data.num_classes)).eval()
    values = {"batch_size": 32, "seed": 5} | changes
    return Subject(model=model, data=data, compute=CPU, **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardLatency, "SECONDS", 0.01)
    monkeypatch.setattr(ForwardLatency, "PART_SECONDS", 0.01)
    monkeypatch.setattr(ForwardLatency, "BATCHES", (1, 8))
    monkeypatch.setattr(Curvature, "IMAGES", 24)
    monkeypatch.setattr(LossSurface, "IMAGES", 24)
    monkeypatch.setattr(LossSurface, "POINTS", 3)
    monkeypatch.setattr(LossSurface, "PLANE", 3)
    monkeypatch.setattr(Curvature, "PROBES", 2)
    monkeypatch.setattr(FrozenDrift, "STEPS", 3)


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


@pytest.mark.parametrize("name", INSTRUMENTS.names())
def test_every_figure_has_a_title_a_unit_and_a_meaning(name: str, few: Data) -> None:
    """And no legend has figures that the instrument never gives."""
    known = legend(name)
    assert known is not None
    given: set[str] = set()
    for source in SOURCES:
        found = instrument(name)().examine(subject(source, few))
        if not isinstance(found, NotApplicable):
            given |= set(found)
    for figure in given:
        meaning = named(known.figures, figure)
        assert meaning is not None, figure
        assert meaning.title != figure
        assert isinstance(meaning.unit, Unit)
        assert meaning.meaning.endswith(".")
        assert "{" not in meaning.title
    for described in known.figures:
        assert any(matches([described.name], figure) for figure in given), described.name
    assert 3 <= len(known.headlines) <= 6
    assert 1 <= len(headlines(name, sorted(given))) <= MOST_HEADLINES


def test_patterns_of_a_legend_do_not_overlap() -> None:
    for name in INSTRUMENTS.names():
        known = legend(name)
        assert known is not None
        examples = [figure.name.replace("{", "").replace("}", "") for figure in known.figures]
        for example, figure in zip(examples, known.figures, strict=True):
            assert named(known.figures, example).name == example  # type: ignore[union-attr]
            first = next(f for f in known.figures if matches([f.name], example))
            assert first is figure


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


class TestDiversity:
    def test_by_hand(self) -> None:
        # Images on which both, the first, the second, none are right: 3, 2, 1, 4.
        pair = [[1, 1]] * 3 + [[1, 0]] * 2 + [[0, 1]] + [[0, 0]] * 4
        found = diversity(torch.tensor(pair, dtype=torch.bool))
        assert found["q_statistic"] == pytest.approx((3 * 4 - 2 * 1) / (3 * 4 + 2 * 1))
        assert found["double_fault"] == pytest.approx(0.4)
        assert found["disagreement"] == pytest.approx(0.3)

    def test_equal_experts_agree_and_opposite_ones_do_not(self) -> None:
        one = torch.tensor([1, 1, 0, 0], dtype=torch.bool)
        same, opposite = (diversity(torch.stack([one, other], 1)) for other in (one, ~one))
        assert same == {"q_statistic": 1.0, "double_fault": 0.5, "disagreement": 0.0}
        assert opposite == {"q_statistic": -1.0, "double_fault": 0.0, "disagreement": 1.0}

    def test_means_over_pairs_leave_out_an_undefined_q(self) -> None:
        # With the third, which is always right, ad = bc = 0.
        one = torch.tensor([1, 1, 0, 0], dtype=torch.bool)
        found = diversity(torch.stack([one, one, torch.ones(4, dtype=torch.bool)], 1))
        assert found["q_statistic"] == 1.0
        assert found["double_fault"] == pytest.approx((0.5 + 0 + 0) / 3)
        assert found["disagreement"] == pytest.approx((0 + 0.5 + 0.5) / 3)
        every = torch.ones(4, 2, dtype=torch.bool)
        assert diversity(every) == {"double_fault": 0.0, "disagreement": 0.0}

    @pytest.mark.parametrize("source", ["soft", "top1"])
    def test_of_a_mixture_on_both_splits(self, source: str, few: Data) -> None:
        given = subject(source, few)
        found = ExpertDiversity().examine(given)
        assert not isinstance(found, NotApplicable)
        for name, split in (("val", few.val), ("test", few.test)):
            [(x, labels)] = split.batches(len(split))
            with torch.no_grad():
                logits = given.model.mixture(x).expert_logits  # type: ignore[operator]
            expected = diversity(logits.argmax(2) == labels[:, None])
            assert {n: found[f"{name}.{n}"] for n in expected} == expected

    def test_why_it_does_not_apply(self, few: Data) -> None:
        plain = ExpertDiversity().examine(subject("plain", few))
        assert plain == NotApplicable("the model does not route")
        layers = ExpertDiversity().examine(subject("layers", few))
        assert layers == NotApplicable("its experts have no logits of their own")


class TestLatency:
    def test_figures_by_batch(self, few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ForwardLatency, "BATCHES", (1, 8, 64))
        monkeypatch.setattr(ForwardLatency, "SECONDS", 0.1)
        seen: list[int] = []
        given = subject("plain", few)
        given.model.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
        found = ForwardLatency().examine(given)
        assert sorted(set(seen)) == [1, 8, 64]  # though there are 40 validation images
        assert found["threads"] == torch.get_num_threads()
        assert len(found) == 1 + 3 * 3, "a plain model has no parts"
        for batch in (1, 8, 64):
            median, quartiles = (found[f"batch_{batch}.{n}_ms"] for n in ("median", "quartiles"))
            assert isinstance(median, float)
            assert isinstance(quartiles, tuple)
            low, middle, high = quartiles
            assert 0 < low <= middle == median <= high
            rate = found[f"batch_{batch}.images_per_s"]
            assert rate == pytest.approx(1000 * batch / median)

    def test_batch_sizes(self) -> None:
        assert BATCHES == (1, 8, 64, 512)

    def test_one_that_would_be_too_slow_is_left_out(
        self, few: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ForwardLatency, "BATCHES", (1, 40))
        monkeypatch.setattr(ForwardLatency, "SECONDS", 1e-9)
        found = ForwardLatency().examine(subject("plain", few))
        assert "batch_1.median_ms" in found
        assert not any(name.startswith("batch_40.") for name in found)

    @pytest.mark.parametrize(
        ("source", "named"),
        [
            ("soft", {"dense", "gate", "expert_0", "expert_1", "expert_2"}),
            ("top1", {"dense", "gate", "expert_0", "expert_1", "expert_2"}),
            ("layers", {"gate_first", "gate_second"}),
        ],
    )
    def test_parts_of_a_model_that_routes(self, source: str, named: set[str], few: Data) -> None:
        given = subject(source, few)
        [x, *_] = [x for x, _ in few.val.batches(8)]
        with torch.no_grad():
            assert {name for name, _ in parts(given.model, x, CPU)} == named
        found = ForwardLatency().examine(given)
        assert {name.split(".")[1] for name in found if name.count(".") == 2} == named
        for part in named:
            quartiles = found[f"batch_1.{part}.quartiles_ms"]
            assert isinstance(quartiles, tuple)
            assert 0 < quartiles[0] <= quartiles[1] <= quartiles[2]

    def test_an_expert_s_time_is_that_of_all_images(self, few: Data) -> None:
        """A top-1 mixture sends it some of them."""
        given = subject("top1", few)
        [x, *_] = [x for x, _ in few.val.batches(8)]
        with torch.no_grad():
            out = given.model.mixture(x)  # type: ignore[operator]
            calls = dict(parts(given.model, x, CPU))
            for n in range(3):
                assert torch.equal(calls[f"expert_{n}"](x), out.expert_logits[:, n])  # type: ignore[arg-type]

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
    shipped = {"curvature", "diversity", "drift", "latency", "oracle", "routing", "surface"}
    assert shipped <= set(INSTRUMENTS.names())
    assert all(issubclass(instrument(name), Instrument) for name in INSTRUMENTS.names())
