"""The end of a run: every step runs, even if others fail or a signal arrives."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from campaign_bench import Bench, epoch

from nas.campaign import run as module
from nas.campaign.afterwards import always
from nas.campaign.signals import Stopped, stops_reach
from nas.campaign.stopping import Stopping
from nas.ledger import CampaignStore, Ledger, Owner
from nas.measure import NO_OVERHEAD
from nas.schema import Outcome, ProblemError, Status, Trial
from nas.schema.stop import Stop, StopReason

ENOUGH = Stop(StopReason.SIGNAL, "enough")


class Fails:
    """An executor that takes a trial and stops the driver, and fails."""

    def run(self, driver: Any) -> None:
        assert isinstance(driver.next(), Trial)
        driver.stop(ENOUGH)
        raise LookupError("the executor")


@pytest.fixture
def campaign(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = bench(trials=3)
    monkeypatch.setattr(module, "check", lambda *_: None)
    monkeypatch.setattr(module, "profile_members", lambda *_, **__: {})
    monkeypatch.setattr(module, "make_executor", lambda *_, **__: Fails())
    monkeypatch.setattr(module, "GateCostProbe", lambda *_: lambda *_: NO_OVERHEAD)
    monkeypatch.setattr("nas.campaign.proposals.cost", lambda *_: None)
    return made


def refuses(*_: object) -> None:
    raise OSError("the machine")


@pytest.mark.parametrize(
    "place",
    [
        (module.Sandbox, "close"),
        (CampaignStore, "heartbeat"),
        (CampaignStore, "attempt_files"),
    ],
    ids=lambda place: ".".join((place[0].__name__, place[1])),
)
def test_what_fails_as_a_run_ends_keeps_nothing_else_from_its_end(
    place: tuple[type, str], campaign: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*place, refuses)
    with pytest.raises(LookupError, match="the executor") as raised:
        module.run(campaign.ledger, "c", campaign.config, module.Callbacks())
    assert raised.value.__notes__ == ["and then OSError: the machine"]
    assert campaign.ledger.campaign("c").state == "stopped"
    assert CampaignStore(campaign.ledger, campaign.id, Owner.me()).open_elsewhere() == 0
    assert list(campaign.ledger.files.glob("stop-*")) == []


@pytest.mark.parametrize("name", ["runs.db", "runs.db-wal"])
def test_a_lost_ledger_is_reported_and_nothing_is_made_in_its_place(
    name: str, campaign: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = campaign.ledger.files.parent

    def there() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.glob("*.db*")}

    class Loses(Fails):
        def run(self, driver: Any) -> None:
            trial = driver.next()
            driver.started(trial.attempt)
            (folder / name).rename(folder / "moved.db")
            self.left = there()
            driver.epoch(trial.attempt, epoch(1))

    executor = Loses()
    monkeypatch.setattr(module, "make_executor", lambda *_, **__: executor)
    with pytest.raises(ProblemError, match="removed or replaced while in use"):
        module.run(campaign.ledger, "c", campaign.config, module.Callbacks())
    assert there() == executor.left
    if name == "runs.db-wal":  # the file alone has the campaign
        assert Ledger(folder / "runs.db").campaign("c").state == "running"
    assert list(campaign.ledger.files.glob("stop-*")) == []


def test_the_first_error_is_reported_and_the_later_ones_noted() -> None:
    steps: list[str] = []

    def fails(name: str) -> None:
        steps.append(name)
        raise OSError(name)

    with (
        pytest.raises(LookupError, match="the block") as raised,
        always(partial(fails, "one"), partial(steps.append, "two"), partial(fails, "three")),
    ):
        raise LookupError("the block")
    assert steps == ["one", "two", "three"]
    assert raised.value.__notes__ == ["and then OSError: one", "and then OSError: three"]
    with pytest.raises(OSError, match="one"), always(partial(fails, "one")):
        pass


@pytest.mark.parametrize("why", [Stop(StopReason.SIGNAL, "enough"), None])
def test_a_files_folder_that_is_gone_ends_no_campaign(why: Stop | None, campaign: Bench) -> None:
    """A file has replaced the folder, so no stop file and no checkpoint can be written."""
    driver = campaign.drive()
    trial = driver.next()
    assert isinstance(trial, Trial)
    driver.started(trial.attempt)
    shutil.rmtree(campaign.ledger.files, ignore_errors=True)
    campaign.ledger.files.touch()
    if why:
        driver.stop(why)
        assert driver.abort
        assert "enough, at once" in campaign.messages[-1]
    driver.done(trial.attempt, Outcome(status=Status.OK, val_acc=0.5))
    driver.close()
    assert campaign.outcomes()[0] == (0, "ok")


def test_no_signal_finds_a_run_between_two_handlers(
    campaign: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def after_a_signal(stopping: Stopping) -> Iterator[None]:
        os.kill(os.getpid(), signal.SIGTERM)
        with stops_reach(stopping):
            yield

    monkeypatch.setattr(module, "stops_reach", after_a_signal)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a plain KeyboardInterrupt
    try:
        with pytest.raises(KeyboardInterrupt) as ended:
            module.run(campaign.ledger, "c", campaign.config, module.Callbacks())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert isinstance(ended.value, Stopped)
