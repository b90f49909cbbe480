"""A template's code never runs in the driver: its failures become messages of the campaign."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.campaign import gate_cost
from nas.campaign.gate_cost import GateCostProbe
from nas.measure import NO_OVERHEAD
from nas.processes import Sandbox

GATE = "from torch import nn\ndef build_gate():\n    return nn.Conv2d(3, 8, 3)\n"


@pytest.fixture(scope="module")
def counted() -> Iterator[tuple[GateCostProbe, list[str]]]:
    messages: list[str] = []
    with Sandbox() as sandbox:
        yield GateCostProbe(sandbox, messages.append), messages


def test_a_sound_gate_is_counted(counted: tuple[GateCostProbe, list[str]]) -> None:
    measure, messages = counted
    assert measure(GATE, 8, 3).params == 8 * (3 * 9 + 1)
    assert messages == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('no')", "does not import"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import os; os._exit(7)", "exited with code 7"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("while True: pass", "no answer after"),
    ],
)
def test_a_bad_one_is_reported_of_and_the_next_is_counted(
    counted: tuple[GateCostProbe, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    reason: str,
) -> None:
    measure, messages = counted
    messages.clear()
    with monkeypatch.context() as patch:
        if "while" in code:
            patch.setattr(gate_cost, "GATE_SECONDS", 1.0)
        assert measure(code, 8, 3) == NO_OVERHEAD
    assert len(messages) == 1
    assert reason in messages[0]
    assert measure(f"{GATE}# after it {reason}\n", 8, 3).params > 0  # none that was kept


def test_what_was_counted_of_a_gate_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    gate = ("hash", 2, (("mixing", "soft"),))
    with Sandbox() as sandbox:
        first = GateCostProbe(sandbox, pytest.fail, seconds=300)(GATE, 8, 3, gate)

    class NoSandbox(Sandbox):
        def call(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("nothing is to be counted")

    with NoSandbox() as none:
        assert GateCostProbe(none, pytest.fail)("# other members' code", 8, 3, gate) == first
        for other in (("hash", 3, gate[2]), ("another", *gate[1:]), ()):
            with pytest.raises(AssertionError):
                GateCostProbe(none, pytest.fail)("# other members' code", 8, 3, other)
    with Sandbox() as sandbox:  # what cannot be counted is not kept
        messages: list[str] = []
        for n in (1, 2):
            GateCostProbe(sandbox, messages.append)("raise ValueError", 8, 3, ("broken",))
            assert len(messages) == n
