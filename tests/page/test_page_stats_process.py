"""A page whose statistics a second process works out is the page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ledger_maker import Maker

from nas.ledger import Ledger
from nas.report.page import page_data
from nas.report.page.snapshot import Snapshot
from nas.report.stats_process import VERDICT, StatsProcess
from nas.results import answer

OWN = '''"""Is it one's own?"""


def table(data):
    data.probes  # which the second process is not given
    return data.candidates[["families"]].head(1).assign(family_a="a", family_b="b")
'''


def reported(path: Path, **more: Any) -> dict[str, Any]:
    return {**page_data(Ledger(path), **more), "made_at": 0}


@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead"])
def test_it_is_the_same_page(filled: Maker, dead: bool) -> None:
    """Also where the second process dies: nothing depends on it."""
    with StatsProcess() as stats:
        if dead:
            stats._process.kill()
            stats._process.wait()
        assert reported(filled.path, stats=stats) == reported(filled.path)


def test_what_cannot_be_sent_is_waited_for_by_nobody() -> None:
    with StatsProcess() as stats:
        stats.ask({"campaign": lambda: "no pickle"}, VERDICT)
        assert stats.take(VERDICT) is None


def test_it_answers_from_what_it_is_given(
    filled: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pandas.py").write_text("raise ImportError('of the working directory')")
    monkeypatch.chdir(tmp_path)
    with StatsProcess() as stats, Snapshot(Ledger(filled.path), stats).open() as snapshot:
        name = snapshot.campaign().name
        snapshot.start_stats(name)
        data = snapshot.data(name)
        assert stats.take(VERDICT) == data.verdict
        for analysis in ("failing", "cooccurrence", "family_yield"):
            here = answer(analysis, data)
            pd.testing.assert_frame_equal(stats.take(analysis), here)
            assert stats.take(analysis).attrs == here.attrs
        assert stats.take("leaderboard") is None  # it was not asked


def test_what_it_cannot_answer_is_worked_out_here(
    filled: Maker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    consent: Callable[..., None],
) -> None:
    folder = tmp_path / "here" / "analysis"
    folder.mkdir(parents=True)
    (folder / "cooccurrence.py").write_text(OWN)
    consent(folder / "cooccurrence.py")
    monkeypatch.chdir(folder.parent)
    with StatsProcess() as stats, Snapshot(Ledger(filled.path), stats).open() as snapshot:
        name = snapshot.campaign().name
        snapshot.start_stats(name)
        assert stats.take("cooccurrence") is None
        assert snapshot.table("cooccurrence", name)["family_a"].tolist() == ["a"]
