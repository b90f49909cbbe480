from collections.abc import Iterator

import fake_evaluate as fake
import psutil
import pytest
from scripted_driver import offspring

from nas.processes import Failure, Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    before = offspring()
    with Sandbox() as made:
        yield made
    assert offspring() <= before


def test_a_value_comes_back(sandbox: Sandbox) -> None:
    answer = sandbox.call(fake.add, 2, b=3)
    assert answer.ok
    assert answer.value == 5
    assert answer.problem == ""


def test_none_is_a_value(sandbox: Sandbox) -> None:
    answer = sandbox.call(print)
    assert answer.ok
    assert answer.value is None


def test_the_process_is_another_and_stays(sandbox: Sandbox) -> None:
    first, second = sandbox.call(fake.pid), sandbox.call(fake.pid)
    assert first.value == second.value
    assert first.value != psutil.Process().pid


@pytest.mark.parametrize(
    ("function", "args", "failure", "problem", "survives"),
    [
        (fake.fail, ("no such layer",), Failure.RAISED, "ValueError: no such layer", True),
        (fake.quit_now, (), Failure.RAISED, "SystemExit: 4", True),
        (fake.unpicklable, (), Failure.RAISED, "local object", True),
        (fake.crash, (), Failure.DIED, "SIGSEGV", False),
        (fake.leave_with, (139,), Failure.DIED, "code 139", False),
        (fake.hang, (), Failure.TIMEOUT, "no answer after 0.5 s", False),
    ],
)
def test_failures_are_answers_and_the_next_call_works(
    sandbox: Sandbox,
    function: object,
    args: tuple[object, ...],
    failure: Failure,
    problem: str,
    survives: bool,
) -> None:
    before = sandbox.call(fake.pid).value
    timeout = 0.5 if failure is Failure.TIMEOUT else 60.0
    answer = sandbox.call(function, *args, timeout=timeout)  # type: ignore[arg-type]
    assert not answer.ok
    assert answer.failure is failure
    assert problem in answer.problem
    with pytest.raises(RuntimeError, match=problem[:8]):
        _ = answer.value
    after = sandbox.call(fake.pid).value
    assert (before == after) is survives


def test_a_crash_leaves_its_stack(sandbox: Sandbox) -> None:
    answer = sandbox.call(fake.crash)
    assert answer.detail.startswith("Fatal Python error: Segmentation fault")
    assert "in crash" in answer.detail


def test_a_process_that_dies_between_calls_costs_that_call_only(sandbox: Sandbox) -> None:
    process = psutil.Process(sandbox.call(fake.pid).value)
    process.kill()
    process.wait()
    assert sandbox.call(fake.add, 1).failure is Failure.DIED
    assert sandbox.call(fake.add, 1).value == 2


def test_what_cannot_travel_raises_here(sandbox: Sandbox) -> None:
    with pytest.raises(Exception, match=r"pickle|local object"):
        sandbox.call(lambda: 1)
    assert sandbox.call(fake.add, 1).value == 2


def test_it_sees_the_devices_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b")
    for shown, seen in ((None, "a,b"), ("b", "b")):
        with Sandbox(shown) as sandbox:
            assert sandbox.call(fake.device).value == seen


def test_closing_twice_is_nothing() -> None:
    sandbox = Sandbox()
    sandbox.close()
    sandbox.close()
