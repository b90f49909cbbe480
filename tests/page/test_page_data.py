"""What is on the page: the analyses' own figures, and what can be said where there are few."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_maker import SPACE as TOY
from ledger_maker import Maker
from page_ledger import BOLD, EVIL, FAMILIES, MESSAGE, code_of

import nas
from nas.ledger import Ledger
from nas.report.page import data as page_data_module
from nas.report.page import page_data, to_json
from nas.report.page.codes import unpack
from nas.report.page.costs import _front
from nas.report.page.plain import Column, values
from nas.report.page.plain import table as as_table
from nas.report.page.snapshot import Snapshot
from nas.spec import Member, ProblemError, Space, Status, Subset

SECTIONS = (
    *("coverage", "leaders", "families", "pairs", "costs", "curves", "failures", "timeline"),
    "gates",
)


@pytest.fixture(scope="module")
def data(filled: Maker) -> dict[str, Any]:
    return json.loads(to_json(page_data(Ledger(filled.path))))  # type: ignore[no-any-return]


def column(table: dict[str, Any], name: str) -> list[Any]:
    return table["values"][name]  # type: ignore[no-any-return]


def test_every_section_is_there(data: dict[str, Any]) -> None:
    assert tuple(data["sections"]) == SECTIONS
    assert not [name for name, section in data["sections"].items() if "problem" in section]
    assert data["campaign"] == "first"
    assert data["headline"].startswith("61 candidates drawn: 56 trained to their end, 4 oom")


def test_the_verdict_is_the_audits(data: dict[str, Any], filled: Maker) -> None:
    said = nas.analyse.verdict(Ledger(filled.path))
    assert data["verdict"]["verdict"] == said.verdict
    assert data["verdict"]["line"] == said.line


@pytest.mark.parametrize(
    ("section", "table", "analysis", "sort"),
    [
        ("leaders", "table", "leaderboard", None),
        ("families", "table", "family_yield", None),
        ("families", "lift", "lift", None),
        ("pairs", "table", "cooccurrence", None),
        ("coverage", "levels", "coverage", None),
        ("coverage", "draws", "family_yield", "family"),
        ("failures", "who", "failures", None),
    ],
)
def test_tables_hold_the_analyses_figures(
    data: dict[str, Any], filled: Maker, section: str, table: str, analysis: str, sort: str | None
) -> None:
    expected = nas.table(analysis, Ledger(filled.path))
    expected = expected.sort_values(sort) if sort else expected
    found = data["sections"][section][table]
    assert found["rows"] == len(expected) > 0
    for name in (c["name"] for c in found["columns"]):
        assert len(column(found, name)) == len(expected)
        for value, known in zip(column(found, name), expected[name], strict=True):
            if value is None:
                assert pd.isna(known)
            elif isinstance(value, float):
                assert value == pytest.approx(known, abs=1e-4)
            else:
                assert value == known


def test_every_listed_candidates_code_is_there_to_the_byte(data: dict[str, Any]) -> None:
    sections = data["sections"]
    for listed in (sections["leaders"]["table"], sections["failures"]["latest"]):
        rows = zip(*(column(listed, n) for n in ("key", "families", "number")), strict=True)
        for key, families, number in rows:
            assert unpack(data["codes"], key) == code_of(families, number)
    assert len(data["codes"]["bases"]) == 1


def test_what_was_asked_and_run(data: dict[str, Any]) -> None:
    asked, run = dict(data["about"]["asked"]), dict(data["about"]["run"])
    assert asked["Space"] == "toy: 2 of 5 families, 5 members, 10 possible sets"
    assert (asked["Sampler"], asked["Seed"], asked["Data"]) == ("uniform", "3", "digits")
    assert run["Candidates"] == "61: 56 ok, 4 oom, 1 open"
    assert run["Attempts"] == "66"
    assert run["Benched"] == EVIL
    assert ["python", "3.11"] in data["about"]["versions"]


def test_costs(data: dict[str, Any]) -> None:
    costs = data["sections"]["costs"]
    table = costs["table"]
    # Epochs at 100 images a second; two members of 0.32 s a step of 32.
    assert set(column(table, "train_ms")) == {10.0}
    assert set(column(table, "step_ms")) == {20.0}
    best = costs["front"]["params"]
    assert column(table, "val_acc")[best[-1]] == max(column(table, "val_acc"))
    assert costs["front"]["train_ms"] == best[-1:]  # all cost the same: the best alone
    assert costs["rest"] is None


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    cost = pd.Series([float(x) for x, _ in points], dtype="float64")
    value = pd.Series([float(y) for _, y in points], dtype="float64")
    front = {points[i] for i in _front(cost, value)}
    beaten = {
        (x, y) for x, y in points if any(a <= x and b >= y and (a, b) != (x, y) for a, b in points)
    }
    assert front == set(points) - beaten


def test_failures_by_type_and_family(data: dict[str, Any]) -> None:
    failures = data["sections"]["failures"]
    assert (failures["ended"], failures["failed"]) == (65, 4)
    assert column(failures["by_type"], "attempts") == [4]
    assert column(failures["by_type"], "message") == [MESSAGE]
    assert sum(column(failures["by_family"], "failed")) == 8  # two families each


def test_worker_time_adds_up(data: dict[str, Any]) -> None:
    table = data["sections"]["timeline"]["table"]
    total = sum(column(table, name)[-1] for name in page_kinds())
    assert total == 56 * 10 + 5 * 10 + 4 * 5
    best = column(table, "best")
    assert best == sorted(best)


def page_kinds() -> tuple[str, ...]:
    from nas.report.page.timeline import KINDS

    return KINDS


def test_gate_use_by_setting(data: dict[str, Any]) -> None:
    gates = data["sections"]["gates"]
    assert list(gates["groups"]) == ["all", "soft", "top1"]
    assert gates["even"] == 0.5
    assert gates["mixtures"] == 56
    assert set(column(gates["groups"]["all"], "family")) == set(FAMILIES)


def test_curves_count_a_repeated_epoch_once(maker: Maker) -> None:
    from ledger_maker import epoch

    from nas.spec import Outcome

    claim = maker.draw("ant_s", "bee_s")
    killed = maker.start(claim)
    maker.store.epoch(killed, epoch(1, val_acc=0.2))
    maker.store.finish(claim, killed, Outcome(status=Status.KILLED), final=False)
    again = maker.start(claim)
    for number in (1, 2):
        maker.store.epoch(again, epoch(number, val_acc=0.3 * number))
    maker.store.finish(claim, again, Outcome(status=Status.OK, val_acc=0.6), final=True)
    [line] = page_data(maker.ledger)["sections"]["curves"]["lines"]
    assert line["epoch"] == [1, 2]
    assert line["val_acc"] == [0.3, 0.6]


# What there is little of


def test_a_ledger_without_a_campaign(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    found = page_data(ledger)
    assert found["campaign"] is None
    assert "nas search" in found["empty"]
    with pytest.raises(ProblemError, match="no campaign is named 'other'"):
        page_data(ledger, "other")


def problems(found: dict[str, Any]) -> list[str]:
    to_json(found)
    return [section["problem"] for section in found["sections"].values() if "problem" in section]


def test_nothing_drawn(maker: Maker) -> None:
    found = page_data(maker.ledger)
    assert problems(found) == []
    assert found["headline"] == "Nothing has been drawn yet."
    assert found["verdict"]["verdict"] == "none"


def test_every_candidate_fails(maker: Maker) -> None:
    for models in (("ant_s", "bee_s"), ("cat_s", "dog_s"), ("ant_s", "cat_s")):
        maker.failed(*models)
    found = page_data(maker.ledger)
    assert problems(found) == []
    assert found["headline"] == "3 candidates drawn: 3 oom. None has been trained to its end."
    assert found["sections"]["leaders"]["total"] == 0
    assert len(found["codes"]["of"]) == 3
    assert None not in column(found["sections"]["families"]["table"], "success_low")[:1]


def test_one_family(tmp_path: Path) -> None:
    one = Subset(k=1, families={"ant": (Member(model="ant_s"),)})
    maker = Maker(tmp_path / "runs.db", space=TOY.model_copy(update={"experts": one}))
    maker.trained("ant_s", val=0.5, inside=(0.5,), usage=(1.0,))
    maker.trained("ant_s", val=0.6, inside=(0.6,), usage=(1.0,), mixing="top1")
    found = page_data(maker.ledger)
    assert problems(found) == []
    families = found["sections"]["families"]["table"]
    assert column(families, "effect") == [None]
    assert column(families, "told")[0]
    assert found["sections"]["pairs"]["table"]["rows"] == 0
    assert found["sections"]["leaders"]["total"] == 2


def test_a_space_without_families(tmp_path: Path) -> None:
    space = Space(name="none", template="single", choices=TOY.choices)
    maker = Maker(tmp_path / "runs.db", space=space)
    assert problems(page_data(maker.ledger)) == []


def test_names_and_messages_are_data(data: dict[str, Any]) -> None:
    assert {EVIL, BOLD} <= set(data["sections"]["pairs"]["families"])


def test_another_campaign_may_be_asked_for(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.ledger.create_campaign("second", TOY, {})
    assert page_data(maker.ledger)["campaign"] == "second"
    first = page_data(maker.ledger, "first")
    assert first["sections"]["leaders"]["total"] == 1


# Many


def test_above_the_limit_the_best_are_listed_and_all_are_counted(
    filled: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_data_module, "WHOLE", 65)
    monkeypatch.setattr(page_data_module, "BEST", 7)
    found = page_data(Ledger(filled.path))
    [note] = found["notes"]
    assert note.startswith("66 attempts are more than one page can list")
    leaders, costs = found["sections"]["leaders"], found["sections"]["costs"]
    assert (leaders["table"]["rows"], leaders["total"]) == (7, 56)
    assert costs["table"]["rows"] >= 7
    assert costs["total"] == np.sum(costs["rest"]["params"]["counts"]) == 56
    assert len(found["codes"]["of"]) == 7 + 4
    for rows in costs["front"].values():
        assert max(rows) < costs["table"]["rows"]


# While somebody writes


def test_a_page_is_of_one_moment_and_holds_up_no_writer(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    with Snapshot(maker.ledger).open() as snapshot:
        assert len(snapshot.candidates("first")) == 1
        maker.trained("cat_s", "dog_s", val=0.6)  # would wait, and fail, if it were locked
        assert len(snapshot.attempts("first")) == 1
        assert len(snapshot.epochs("first")) == 2
        assert len(snapshot.experts("first")) == 0
    assert page_data(maker.ledger)["sections"]["leaders"]["total"] == 2


def test_each_frame_is_read_once(filled: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    for name in ("candidates", "attempts", "epochs", "experts"):
        real = getattr(Ledger, name)

        def noted(self: Ledger, campaign: str | None = None, *, real: Any = real) -> Any:
            read.append(real.__name__)
            return real(self, campaign)

        monkeypatch.setattr(Ledger, name, noted)
    page_data(Ledger(filled.path))
    assert sorted(read) == ["attempts", "candidates", "epochs", "experts"]


def test_an_analysis_that_changes_its_frame_changes_no_others(filled: Maker) -> None:
    with Snapshot(Ledger(filled.path)).open() as snapshot:
        mine = snapshot.attempts("first")
        mine["extra"] = 1
        assert "extra" not in snapshot.attempts("first")


# An analysis of one's own


def test_one_broken_analysis_spoils_its_own_sections_only(
    filled: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "analysis").mkdir()
    own = "def table(frames):\n    return frames.candidates[['key']]\n"
    (tmp_path / "analysis" / "leaderboard.py").write_text(f'"""Mine?"""\n{own}')
    monkeypatch.chdir(tmp_path)
    sections = page_data(Ledger(filled.path))["sections"]
    broken = {name for name, section in sections.items() if "problem" in section}
    assert {"leaders", "costs", "curves"} <= broken
    assert not {"coverage", "pairs", "failures", "timeline", "gates"} & broken
    assert "the analysis leaderboard gives no column rank" in sections["leaders"]["problem"]


def test_missing_values_are_none_and_infinite_ones_too() -> None:
    floats = pd.Series([0.123456789, np.nan, np.inf])
    assert values(floats, "percent") == [0.12346, None, None]
    assert values(pd.Series([1, None], dtype="Int64"), "int") == [1, None]
    times = pd.to_datetime(pd.Series([0.0, None], dtype="float64"), unit="s", utc=True)
    assert values(times, "time") == [0.0, None]
    with pytest.raises(ProblemError, match="analysis x gives no column b"):
        as_table(pd.DataFrame({"a": [1]}), [Column("b", "B", "int")], "x")
