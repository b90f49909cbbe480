"""A campaign on a GPU without bf16 trains in fp32, and says so once."""

from collections.abc import Callable
from typing import Any

import pytest
from campaign_bench import Bench

from nas.campaign import run as module
from nas.execute import Idle
from nas.hardware import devices
from nas.hardware.devices import Gpu
from nas.measure import NO_OVERHEAD
from nas.schema import Outcome, Status, Trial

GIB = 2**30


@pytest.mark.parametrize(
    ("capability", "precision", "messages"), [((7, 5), "fp32", 1), ((8, 0), "auto", 0)]
)
def test_it_is_reported_once_and_holds_for_all(
    bench: Callable[..., Bench],
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int],
    precision: str,
    messages: int,
) -> None:
    trials: list[Trial] = []

    class Takes:
        """An executor that takes every trial, and gives each an end."""

        def run(self, driver: Any) -> None:
            while (given := driver.next()) is not Idle.DONE:
                trials.append(given)
                driver.started(given.attempt)
                driver.done(given.attempt, Outcome(status=Status.OK, val_acc=0.5))

    campaign = bench(trials=3, gpus=1, executor="local")
    monkeypatch.setattr(devices, "gpus_available", lambda: (Gpu("a card", 24 * GIB, capability),))
    monkeypatch.setattr(module, "check", lambda *_: None)
    monkeypatch.setattr("nas.campaign.draw_setup.conditions_for", lambda *_: None)
    monkeypatch.setattr(module, "profile_members", lambda *_, **__: {})
    monkeypatch.setattr(module, "make_executor", lambda *_, **__: Takes())
    monkeypatch.setattr(module, "GateCostProbe", lambda *_: lambda *_: NO_OVERHEAD)
    monkeypatch.setattr("nas.campaign.proposals.cost", lambda *_: None)
    lines: list[str] = []
    module.run(campaign.ledger, "c", campaign.config, module.Callbacks(on_message=lines.append))
    assert [trial.precision for trial in trials] == [precision] * 3
    notes = [line for line in lines if "trained in fp32" in line]
    assert len(notes) == messages
    assert all(note.startswith("trained in fp32: a card has no bf16") for note in notes)
