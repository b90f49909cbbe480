"""A bank's latencies: measured once, with nothing else running."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bank_maker import put
from campaign_bench import Bench

from nas import resources
from nas.campaign import latencies
from nas.campaign.bank import bank_of
from nas.campaign.latencies import measure_latencies
from nas.execute import NoGpuError
from nas.experts import Bank, Entry
from nas.experts.components import load
from nas.ledger import Ledger, Owner
from nas.ledger.drivers import at_work
from nas.measure.other_work import OtherWork
from nas.processes import Answer, Failure
from nas.render import template_hash
from nas.schema import ProblemError, SearchConfig

CONFIG = SearchConfig()


class FakeSandbox:
    """Measures at once; what is called `slow` does not answer."""

    measured: list[str] = []

    def __enter__(self) -> "FakeSandbox":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def call(self, function: Any, candidate: Any, *_: Any, timeout: float) -> Answer[Any]:
        assert function is latencies.measure_latency
        model = candidate.experts[0].member.model
        self.measured.append(model)
        if model.startswith("slow"):
            return Answer(None, Failure.TIMEOUT, "no answer after 300 s; killed")
        return Answer(({1: 0.002, 32: 0.02}, OtherWork(0.4 if model.startswith("busy") else 0.0)))


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(FakeSandbox, "measured", [])
    monkeypatch.setattr(latencies, "Sandbox", FakeSandbox)
    return Ledger(tmp_path / "runs.db", read_only=False)


def unmeasured(bank: Bank, family: str, digest: str = "") -> Entry:
    entry = put(bank, family, template_hash=digest or template_hash("single")).with_(latency={})
    bank.amend(entry)
    return entry


def test_what_is_measured_is_kept_and_not_measured_again(ledger: Ledger) -> None:
    bank = bank_of(ledger)
    entries = [put(bank, "ant"), unmeasured(bank, "bee"), unmeasured(bank, "cat")]
    found = measure_latencies(ledger, bank, entries, CONFIG)
    assert FakeSandbox.measured == ["bee_s", "cat_s"]
    assert [found[entry.key].image_seconds for entry in entries] == [0.001, 0.002, 0.002]
    kept = [bank.entry(entry.key) for entry in entries]
    assert kept == list(found.values())
    bank.verify(kept[1])  # its files are what they were
    measure_latencies(ledger, bank, kept, CONFIG)
    assert len(FakeSandbox.measured) == 2


def test_nothing_is_measured_while_another_driver_works(ledger: Ledger, tmp_path: Path) -> None:
    driver = Bench(tmp_path).drive()  # in the same ledger
    driver.next()
    bank = bank_of(ledger)
    entry = unmeasured(bank, "ant")
    messages: list[str] = []
    found = measure_latencies(ledger, bank, [entry], CONFIG, on_message=messages.append)
    assert FakeSandbox.measured == []
    assert found == {entry.key: entry}
    assert messages == [
        "latency is not measured while c is running: run the same command again when it has ended"
    ]
    driver.close()
    measure_latencies(ledger, bank, [entry], CONFIG)
    assert FakeSandbox.measured == ["ant_s"]


def test_nothing_is_measured_while_another_campaign_profiles(
    ledger: Ledger, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)  # in the same ledger
    bank = bank_of(ledger)
    entry = unmeasured(bank, "ant")
    messages: list[str] = []
    with at_work(bench.ledger, bench.id, Owner.me()):  # without a lease
        measure_latencies(ledger, bank, [entry], CONFIG, on_message=messages.append)
    assert FakeSandbox.measured == []
    assert "while c is running" in messages[0]
    measure_latencies(ledger, bank, [entry], CONFIG)
    assert FakeSandbox.measured == ["ant_s"]


def test_one_that_cannot_be_measured_is_reported_of_and_the_others_are(ledger: Ledger) -> None:
    bank = bank_of(ledger)
    entries = [unmeasured(bank, "slow"), unmeasured(bank, "swift")]
    messages: list[str] = []
    found = measure_latencies(ledger, bank, entries, CONFIG, on_message=messages.append)
    assert messages == ["slow_s: its latency cannot be measured: no answer after 300 s; killed"]
    assert [bool(found[entry.key].latency) for entry in entries] == [False, True]


def test_a_busy_machine_is_reported(ledger: Ledger) -> None:
    bank = bank_of(ledger)
    entries = [unmeasured(bank, "busy"), unmeasured(bank, "calm")]
    messages: list[str] = []
    measure_latencies(ledger, bank, entries, CONFIG, on_message=messages.append)
    assert messages == [
        "busy_s: other programs used 40 % of the CPUs while its latency was measured, so it is too"
        " long"
    ]


def test_without_a_gpu_that_works_nothing_is_measured(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoGpu(FakeSandbox):
        def __init__(self, gpus: int, on_message: Any) -> None:
            super().__init__()

        def call(self, *args: Any, **more: Any) -> Any:
            raise NoGpuError("no GPU works (CUDA error)")

    monkeypatch.setattr(latencies, "GpuSandbox", NoGpu)
    monkeypatch.setattr(latencies, "settled_precision", lambda wanted, gpus: ("fp32", ""))
    bank = bank_of(ledger)
    entry = unmeasured(bank, "bee")
    messages: list[str] = []
    found = measure_latencies(
        ledger, bank, [entry], CONFIG.with_(gpus=2), on_message=messages.append
    )
    assert found == {entry.key: entry}
    assert messages == ["latency cannot be measured: no GPU works (CUDA error)"]


def test_one_of_another_template_is_reported_of(ledger: Ledger) -> None:
    bank = bank_of(ledger)
    messages: list[str] = []
    measure_latencies(
        ledger, bank, [unmeasured(bank, "ant", "t" * 16)], CONFIG, on_message=messages.append
    )
    assert FakeSandbox.measured == []
    assert messages == ["ant_s: its latency cannot be measured: its template has changed since"]


def test_a_template_in_place_of_nas_s_is_not_run_for_it(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consent: Callable[..., None]
) -> None:
    own = tmp_path / "templates" / "single.py.j2"
    own.parent.mkdir()
    shipped = resources.shipped("templates") / own.name
    own.write_text(shipped.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    bank = bank_of(ledger)
    entries = [unmeasured(bank, "ant")]
    with pytest.raises(ProblemError, match="would replace"):
        measure_latencies(ledger, bank, entries, CONFIG)
    assert FakeSandbox.measured == []
    consent(own)
    measure_latencies(ledger, bank, entries, CONFIG)
    assert FakeSandbox.measured == ["ant_s"]


def test_a_screen_does_not_know_the_speed_of_what_was_not_measured(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    entries = [put(bank, "ant"), unmeasured(bank, "bee"), put(bank, "cat")]
    table = load(bank, entries)
    members = np.array([[0, 1], [0, 2]])
    unknown, known = table.seconds(members).tolist()
    assert math.isnan(unknown)
    assert known == pytest.approx(0.002)
    assert table.within(members, None, 1.0).tolist() == [False, True]
    assert table.within(members, None, None).all()
