"""A screen that a device has no memory for ends in one line."""

from pathlib import Path
from typing import Any

import pytest
import torch
from bank_maker import fill

from nas.campaign import screen
from nas.ledger import Ledger
from nas.schema import ExpertAxis, Member, ProblemError, ScreenConfig, Space


@pytest.fixture
def scored_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Screens a bank of five, where scoring raises this."""
    bank, entries = fill(tmp_path / "bank")
    families = {entry.family: (Member(model=entry.model),) for entry in entries}
    space = Space(name="five", experts=ExpertAxis(k=2, families=families))
    monkeypatch.setattr(screen, "bank_of", lambda ledger: bank)
    monkeypatch.setattr(
        screen, "existing_entries", lambda *_: {entry.key: entry for entry in entries}
    )

    def call(error: Exception) -> None:
        def raises(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr("nas.experts.screen.screen", raises)
        ledger = Ledger(tmp_path / "runs.db", read_only=False)
        screen.screen_space(ledger, space, ScreenConfig(top=1, limit=100))

    return call


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_is_reported(scored_with: Any, error: Exception) -> None:
    with pytest.raises(ProblemError, match="mixtures cannot be scored") as caught:
        scored_with(error)
    assert "\n" not in caught.value.problem.what


def test_what_is_wrong_in_the_code_is_not(scored_with: Any) -> None:
    with pytest.raises(IndexError):
        scored_with(IndexError("a mistake"))
