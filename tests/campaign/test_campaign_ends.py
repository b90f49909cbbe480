"""How a run ends: every part of it, whatever becomes of the others, and at no signal half-way."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from campaign_bench import Bench

from nas.campaign import run as module
from nas.campaign.driver import CampaignDriver
from nas.campaign.signals import Stopped, stops_reach
from nas.ledger import CampaignStore, Owner
from nas.preflight import NO_OVERHEAD
from nas.spec import Trial


class Fails:
    """An executor that takes a trial and stops the driver, and fails."""

    def run(self, driver: Any) -> None:
        assert isinstance(driver.next(), Trial)
        driver.stop("enough")
        raise LookupError("the executor")


@pytest.fixture
def campaign(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = bench(trials=3)
    monkeypatch.setattr(module, "prepare", lambda *_, **__: (made.space, {}, 10))
    monkeypatch.setattr(module, "make_executor", lambda *_, **__: Fails())
    monkeypatch.setattr(module, "Gates", lambda *_: lambda *_: NO_OVERHEAD)
    monkeypatch.setattr("nas.campaign.proposals.cost", lambda *_: None)
    return made


def refuses(*_: object) -> None:
    raise OSError("the machine")


@pytest.mark.parametrize(
    "place",
    [
        (module.Sandbox, "close"),
        (CampaignStore, "heartbeat"),
        (CampaignStore, "settled"),
    ],
    ids=lambda place: ".".join((place[0].__name__, place[1])),
)
def test_what_fails_as_a_run_ends_keeps_nothing_else_from_its_end(
    place: tuple[type, str], campaign: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*place, refuses)
    with pytest.raises(OSError, match="the machine"):
        module.run(campaign.ledger, "c", campaign.config, module.Voice())
    assert campaign.ledger.campaign("c").state == "stopped"
    assert CampaignStore(campaign.ledger, campaign.id, Owner.me()).open_elsewhere() == 0
    assert list(campaign.ledger.files.glob("stop-*")) == []


def test_no_signal_finds_a_run_between_two_handlers(
    campaign: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def after_a_signal(driver: CampaignDriver) -> Iterator[None]:
        os.kill(os.getpid(), signal.SIGTERM)
        with stops_reach(driver):
            yield

    monkeypatch.setattr(module, "stops_reach", after_a_signal)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a plain KeyboardInterrupt
    try:
        with pytest.raises(KeyboardInterrupt) as ended:
            module.run(campaign.ledger, "c", campaign.config, module.Voice())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert isinstance(ended.value, Stopped)
