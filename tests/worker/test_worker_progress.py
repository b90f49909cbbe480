"""How far an epoch is: what a worker writes, and who reads it."""

import io
import time
from pathlib import Path

import pytest
from ledger_maker import Maker, epoch

from nas.ledger.summary import summary
from nas.report import Terminal, waiting
from nas.report.progress import LINE_WIDTH, Display, _line, panel
from nas.report.waiting import SilenceBreaker
from nas.schema.progress import PROGRESS, Progress
from nas.worker import progress
from nas.worker.progress import ProgressFile


def read(folder: Path) -> tuple[int, int, int]:
    found = Progress.model_validate_json((folder / PROGRESS).read_bytes())
    return found.epoch, found.batch, found.batches


def test_batches_are_counted_within_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    file = ProgressFile(tmp_path)
    file.begin(1, 3)
    file.batch()
    assert read(tmp_path) == (1, 1, 3)
    for _ in range(4):  # three of training, two of validation
        file.batch()
    assert read(tmp_path) == (1, 5, 5)
    file.begin(2, 3)
    file.batch()
    assert read(tmp_path) == (2, 1, 5)  # as many as the epoch before


def test_a_short_epoch_writes_nothing(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path)
    file.begin(1, 3)
    file.batch()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    (tmp_path / "file").write_text("")
    file = ProgressFile(tmp_path / "file" / "folder")
    file.begin(1, 3)
    file.batch()


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ('{"epoch":1,"batch":43,"batches":100}', 0.43),
        ('{"epoch":2,"batch":43,"batches":100}', 0.0),  # of another epoch than the running one
        ('{"epoch":1,"batch":0,"batches":0}', 0.0),
        ('{"epoch":1,"batch":4', 0.0),
        ("", 0.0),
    ],
)
def test_the_summary_reads_it(text: str, within: float, tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    leased = maker.draw("ant_s", "bee_s")
    attempt = maker.start(leased)
    folder = maker.ledger.attempt_folder(maker.campaign, leased.candidate.key, attempt)
    (folder / PROGRESS).write_text(text)
    (running,) = summary(maker.ledger).running
    assert running.within == pytest.approx(within)
    shown = Terminal(width=100, file=io.StringIO())
    shown.print(panel(summary(maker.ledger)))
    assert ("epoch 1/2 (43 %)" in shown.file.getvalue()) == (within > 0)  # type: ignore[attr-defined]


def test_a_line_where_there_is_no_terminal(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    maker.start(maker.draw("ant_s", "bee_s"))
    out = io.StringIO()
    with Display(Terminal(file=out, width=80), maker.ledger, "first") as display:
        display.on_tick()
        assert out.getvalue() == ""
        display._silence._last -= waiting.QUIET_SECONDS
        display.on_tick()
        assert out.getvalue() == "first: 0s worked, 1 drawn, 1 running: #0 epoch 1/2\n"


@pytest.mark.parametrize(
    ("epochs", "within", "text"),
    [(0, 0.0, "epoch 1/2"), (1, 0.52, "epoch 2/2 (52 %)"), (2, 0.0, "epoch 2/2 done")],
)
def test_a_line_names_the_running_epoch(
    epochs: int, within: float, text: str, tmp_path: Path
) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    maker.start(maker.draw("ant_s", "bee_s"))
    found = summary(maker.ledger)
    run = found.running[0].with_(epoch=epochs, within=within)
    one = found.with_(running=(run,))
    assert _line(one) == f"first: 0s worked, 1 drawn, 1 running: #0 {text}"
    many = _line(found.with_(running=(run,) * 40))
    assert len(many) <= LINE_WIDTH
    listed = many.count(text)
    assert listed >= 2
    assert many.endswith(f"{text}, {40 - listed} more")


def test_lines_become_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 10 s in the first minute, every minute in the first hour, then every ten minutes."""
    now = 0.0
    times: list[float] = []
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 10.0)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now)
    silence = SilenceBreaker(times.append)
    for now in range(2 * 3600):
        if silence._left() <= 0:
            times.append(now)
            silence.heard()
    first = [10, 20, 30, 40, 50, 60]
    assert times == [*first, *range(120, 3601, 60), *range(4200, 7200, 600)]


def test_silence_counts_from_what_was_printed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 10.0)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: 100.0)
    assert SilenceBreaker(lambda seconds: None)._left() == 10.0
    assert SilenceBreaker(lambda seconds: None, 93.0)._left() == 3.0


def test_every_epoch_has_a_line_where_that_is_wanted(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    attempt = maker.start(maker.draw("ant_s", "bee_s"))
    out = io.StringIO()
    with Display(Terminal(file=out, width=80), maker.ledger, "first", epochs=True) as display:
        display.on_tick()
        maker.store.epoch(attempt, epoch(1, val_acc=0.5))
        display.on_tick()
        display.on_tick()
    assert out.getvalue() == "#0 ant+bee: epoch 1 of 2: val 50.00 %\n"


def test_quiet_prints_nothing(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    out = io.StringIO()
    with Display(Terminal(file=out, width=80), maker.ledger, "first", quiet=True) as display:
        display.say("something")
        display.on_tick()
    assert out.getvalue() == ""


def test_a_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.05)
    lines: list[float] = []
    with SilenceBreaker(lines.append):
        deadline = time.monotonic() + 10
        while len(lines) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(lines) >= 2
    count = len(lines)
    time.sleep(0.2)
    assert len(lines) == count  # it ends with the block
