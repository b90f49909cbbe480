"""`nas --debug`: exceptions reach a debugger."""

from pathlib import Path
from typing import Any

import pytest
from ledger_maker import Maker
from real_nas import none_opened
from train_samples import SINGLE

from nas import debugging
from nas.cli import __main__ as entry
from nas.execute.executors.inline import InlineExecutor
from nas.schema import Outcome, Status
from nas.worker.evaluate import evaluate

BROKEN = SINGLE + "\n\nraise LookupError('in the rendered file')\n"


@pytest.fixture
def let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debugging, "let_through", True)


def test_a_trial_s_error_is_an_outcome_and_under_debug_is_raised(
    make_trial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    [outcome] = evaluate(make_trial(BROKEN))
    assert isinstance(outcome, Outcome)
    assert outcome.status is Status.INVALID
    monkeypatch.setattr(debugging, "let_through", True)
    with pytest.raises(Exception, match="in the rendered file") as caught:
        list(evaluate(make_trial(BROKEN)))
    assert isinstance(caught.value.__cause__, LookupError)


def test_the_inline_executor_lets_it_through(let_through: None, make_trial: Any) -> None:
    class Driver:
        abort = False
        ended: list[Outcome] = []

        def next(self) -> Any:
            return make_trial(BROKEN)

        def started(self, attempt: int) -> None: ...

        def tick(self) -> None: ...

        def done(self, attempt: int, outcome: Outcome) -> None:
            self.ended.append(outcome)

    driver: Any = Driver()
    with pytest.raises(Exception, match="in the rendered file"):
        InlineExecutor().run(driver)
    assert not driver.ended


def test_a_command_s_own_errors_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake in nas")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(debugging, "let_through", False)  # put back at the end
    monkeypatch.setattr("nas.ledger.summary.summary", fails)
    monkeypatch.setattr("sys.argv", ["nas", "--debug", "status", "--db", "runs.db"])
    Maker("runs.db").ledger.close()
    with pytest.raises(ZeroDivisionError):
        entry._run()
    monkeypatch.setattr("sys.argv", ["nas", "status", "--db", "runs.db"])
    with none_opened(), pytest.raises(SystemExit) as stopped:
        entry._run()
    assert stopped.value.code == 1
    assert "ZeroDivisionError: a mistake in nas" in capsys.readouterr().err
