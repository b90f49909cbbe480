"""What is on the page: the analyses' own figures, and what can be said where there are few."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_maker import Maker
from page_ledger import EVIL, FAMILIES, MESSAGE, code_of
from planted_screen import planted

import nas
from nas.ledger import Ledger
from nas.report.page import page_data, to_json
from nas.report.page.code_diffs import unpack
from nas.report.page.fronts import front
from nas.schema import Status

SECTIONS = (
    *("coverage", "leaders", "families", "pairs", "screening", "screened", "costs", "curves"),
    *("failures", "timeline", "gates"),
)


@pytest.fixture(scope="module")
def data(filled: Maker) -> dict[str, Any]:
    return json.loads(to_json(page_data(Ledger(filled.path))))  # type: ignore[no-any-return]


def column(table: dict[str, Any], name: str) -> list[Any]:
    return table["values"][name]  # type: ignore[no-any-return]


def test_every_section_is_there(data: dict[str, Any]) -> None:
    assert tuple(data["sections"]) == SECTIONS
    assert not [name for name, made in data["sections"].items() if made and "problem" in made]
    for name in ("screening", "screened"):
        assert data["sections"][name] is None  # it was drawn from none
    assert data["campaign"] == "first"
    assert data["headline"].startswith("61 candidates drawn: 56 trained to their end, 4 oom")


def test_the_verdict_is_the_audits(data: dict[str, Any], filled: Maker) -> None:
    messages = nas.results.audit_result(Ledger(filled.path))
    assert data["verdict"]["verdict"] == messages.verdict
    assert data["verdict"]["line"] == messages.line


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


def test_what_was_queried_and_run(data: dict[str, Any]) -> None:
    requests, run = dict(data["about"]["settings"]), dict(data["about"]["run"])
    assert requests["Space"] == "toy: 2 of 5 families, 5 members, 10 possible sets"
    assert (requests["Sampler"], requests["Seed"], requests["Data"]) == ("uniform", "3", "digits")
    assert run["Candidates"] == "61: 56 ok, 4 oom, 1 open"
    assert run["Attempts"] == "66"
    assert run["Benched"] == EVIL
    assert ["python", "3.11"] in data["about"]["versions"]


def test_what_a_screen_predicted(tmp_path: Path) -> None:
    ledger = planted(tmp_path, noise=0.02).ledger
    section = json.loads(to_json(page_data(ledger)))["sections"]["screening"]
    rows = section["table"]
    assert rows["rows"] == 28
    assert column(rows, "arm").count("chosen") == 6
    assert column(rows, "number") == list(range(28))
    assert column(rows, "probe") == pytest.approx([u + 0.01 for u in column(rows, "uniform")])
    ranks = nas.table("screening", ledger)
    assert column(section["ranks"], "predictor") == ranks["predictor"].tolist()
    assert section["note"] == ranks.attrs["note"]


def test_a_screen_of_few_controls_has_no_ranks(tmp_path: Path) -> None:
    ledger = planted(tmp_path, noise=0.02, trained=8).ledger
    section = json.loads(to_json(page_data(ledger)))["sections"]["screening"]
    assert section["table"]["rows"] == 8
    assert column(section["ranks"], "kendall") == []


def test_the_space_as_it_was_screened(tmp_path: Path) -> None:
    ledger = planted(tmp_path, noise=0.02).ledger
    section = json.loads(to_json(page_data(ledger)))["sections"]["screened"]
    every = nas.table("screen", ledger)
    beaten = [
        ((every["params"] <= row.params) & (every["uniform"] > row.uniform)).any()
        | ((every["params"] < row.params) & (every["uniform"] >= row.uniform)).any()
        for row in every.itertuples()
    ]
    best = every[~np.array(beaten)].sort_values("params")
    assert len(best) > 1
    members = column(section["table"], "members")
    assert [members[row] for row in section["front"]["params"]] == best["members"].tolist()
    assert set(column(section["table"], "front")) == {"parameters"}
    assert np.sum(section["rest"]["params"]["counts"]) == section["total"] == 28
    assert section["front"]["latency_ms"] == []  # nobody measured it
    assert section["rest"]["latency_ms"] is None


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
    best = {points[i] for i in front(cost, value)}
    beaten = {
        (x, y) for x, y in points if any(a <= x and b >= y and (a, b) != (x, y) for a, b in points)
    }
    assert best == set(points) - beaten


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

    from nas.schema import Outcome

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
