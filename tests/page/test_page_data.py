"""What is on the page: the analyses' own figures, and the sentences that follow from them."""

import json
import shlex
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_maker import SPACE as TOY
from ledger_maker import Maker
from page_ledger import EVIL, FAMILIES, MESSAGE, code_of
from planted_screen import planted
from scipy.stats import binomtest

import nas
from nas.ledger import Ledger
from nas.report.page import page_data, to_json
from nas.report.page import timeline as timeline_module
from nas.report.page import together as together_module
from nas.report.page.code_diffs import unpack
from nas.report.page.fronts import front
from nas.schema import ExpertAxis, Member, Outcome, Role, Status

SECTIONS = (
    *("together", "arms", "arm_effects", "growth", "domains", "hot_plug", "routing", "best"),
    *("leaders", "coverage", "families"),
    *("pairs", "screening", "screened", "costs", "curves", "failures", "timeline", "gates"),
)


@pytest.fixture(scope="module")
def data(filled: Maker) -> dict[str, Any]:
    return json.loads(to_json(page_data(Ledger(filled.path))))  # type: ignore[no-any-return]


def column(table: dict[str, Any], name: str) -> list[Any]:
    return table["values"][name]  # type: ignore[no-any-return]


def test_every_section_is_there(data: dict[str, Any]) -> None:
    assert tuple(data["sections"]) == SECTIONS
    assert not [name for name, made in data["sections"].items() if made and "problem" in made]
    for name in ("screening", "screened", "arms", "arm_effects", "growth", "routing"):
        assert data["sections"][name] is None  # it was drawn from none
    assert data["campaign"] == "first"
    assert data["headline"].startswith("61 candidates drawn: 56 trained, 4 out of memory")


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
    assert run["Candidates"] == "61: 56 trained, 4 out of memory, 1 still open"
    assert run["Attempts"] == "66"
    assert run["Excluded for failing"] == EVIL
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
    assert {column(table, name)[0] for name in page_kinds()} == {0}  # as the first attempt starts
    assert column(table, "at") == sorted(column(table, "at"))
    none, *best = column(table, "best")
    assert none is None
    assert best == sorted(best)


def test_every_improvement_is_a_step_of_the_timeline() -> None:
    """The first success too, however many attempts there are."""
    count, improving = 5 * timeline_module.POINTS, {7: 0.5, 622: 0.6}
    attempts = pd.DataFrame(
        {
            "outcome": ["ok" if row in improving else "crash" for row in range(count)],
            "role": "search",
            "val_acc": [improving.get(row) for row in range(count)],
            "seconds": 1.0,
            "started_at": pd.to_datetime(range(count), unit="s", utc=True),
            "ended_at": pd.to_datetime(range(1, count + 1), unit="s", utc=True),
        }
    )
    events = pd.DataFrame({"at": pd.to_datetime([], utc=True), "kind": [], "family": []})
    ledger = SimpleNamespace(attempts=lambda _: attempts, events=lambda _: events)
    made = timeline_module.timeline(ledger, "first")["table"]  # type: ignore[arg-type]
    at, best = column(made, "at"), column(made, "best")
    for row, value in improving.items():
        assert best[at.index(row + 1)] == value


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

    leased = maker.draw("ant_s", "bee_s")
    killed = maker.start(leased)
    maker.store.epoch(killed, epoch(1, val_acc=0.2))
    maker.store.finish(leased, killed, Outcome(status=Status.KILLED), final=False)
    again = maker.start(leased)
    for number in (1, 2):
        maker.store.epoch(again, epoch(number, val_acc=0.3 * number))
    maker.store.finish(leased, again, Outcome(status=Status.OK, val_acc=0.6), final=True)
    [line] = page_data(maker.ledger)["sections"]["curves"]["lines"]
    assert line["epoch"] == [1, 2]
    assert line["val_acc"] == [0.3, 0.6]


# The answer


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, dict[str, Any]]:
    """A campaign in which ant and bee are better together by 10 points; fox is the worst."""
    families = ("ant", "bee", "cat", "dog", "fox")
    axis = ExpertAxis(k=2, families={name: (Member(model=name),) for name in families})
    path = tmp_path_factory.mktemp("answer") / "runs.db"
    maker = Maker(path, space=TOY.with_(experts=axis), name="it's one", sampler="stratified")
    rng = np.random.default_rng(3)
    for again in range(8):
        for pair in combinations(families, 2):
            worth = 0.1 * (set(pair) == {"ant", "bee"}) - 0.06 * ("fox" in pair)
            score = round(0.6 + worth + float(rng.normal(0, 0.008)), 4)
            maker.trained(*pair, val=score, replicate=again)
    return maker.ledger, page_data(maker.ledger)


def test_the_sentence_names_the_pairs_that_the_statistics_find(
    answer: tuple[Ledger, dict[str, Any]],
) -> None:
    ledger, data = answer
    rows = nas.table("cooccurrence", ledger)
    found = rows[(rows["q_value"] <= 0.05) & (rows["synergy"] > 0)].iloc[0]
    assert (found["family_a"], found["family_b"]) == ("ant", "bee")
    sentence = data["sections"]["together"]["pairs"]
    assert sentence.startswith("ant and bee belong together: the pair adds +")
    assert f"{100 * found['synergy']:+.1f} points" in sentence
    assert f"{100 * found['synergy_low']:+.1f} to {100 * found['synergy_high']:+.1f}" in sentence


def test_the_sentence_names_the_families_whose_interval_excludes_zero(
    answer: tuple[Ledger, dict[str, Any]],
) -> None:
    ledger, data = answer
    rows = nas.table("family_yield", ledger)
    better, _, worse = data["sections"]["together"]["families"].partition("; worse")
    for row in rows.itertuples():
        assert (f"{row.family} (" in better) == (row.effect_low > 0)
        assert (f"{row.family} (" in worse) == (row.effect_high < 0)
    assert "fox" in worse


def test_the_strongest_synergies_come_first(answer: tuple[Ledger, dict[str, Any]]) -> None:
    section = answer[1]["sections"]["together"]
    rows = section["synergies"]
    assert (column(rows, "family_a")[0], column(rows, "family_b")[0]) == ("ant", "bee")
    assert column(rows, "q_value") == sorted(column(rows, "q_value"))
    assert rows["rows"] == together_module.SYNERGIES
    effects = column(section["effects"], "effect")
    assert effects == sorted(effects, reverse=True)
    assert (len(effects), section["left_out"]) == (5, 0)


def test_the_best_have_intervals_and_commands(answer: tuple[Ledger, dict[str, Any]]) -> None:
    ledger, data = answer
    section = data["sections"]["best"]
    board = nas.table("leaderboard", ledger)
    first = board.iloc[0]
    assert column(section["table"], "key") == board["key"].head(3).tolist()
    known = binomtest(round(100 * first["val_acc"]), 100).proportion_ci(method="wilson")
    low, high = column(section["table"], "low")[0], column(section["table"], "high")[0]
    assert (low, high) == pytest.approx((known.low, known.high), abs=1e-4)
    assert section["ties"] == (board["val_acc"] >= known.low).sum() - 1 > 0
    assert section["sure"][0] == (
        "Accuracy is measured on 100 validation images: the best candidate’s"
        f" {100 * first['val_acc']:.2f} % may be {100 * known.low:.1f} to {100 * known.high:.1f} %"
        f" in truth (95 % interval, about ± {50 * (known.high - known.low):.1f} points)."
    )
    assert section["sure"][1].startswith(f"{section['ties']} other candidates lie within")
    assert "`nas confirm`" in section["sure"][2]
    words = shlex.split(column(section["table"], "command")[0])
    number = str(first["number"])
    assert words[:7] == ["nas", "export", number, "-o", f"candidate-{number}", "-c", "it's one"]


def test_no_pair_found_is_no_pair_named() -> None:
    rows = pd.DataFrame(
        {
            "family_a": ["a"],
            "family_b": ["b"],
            "q_value": [0.06],
            "synergy": [0.05],
            "synergy_low": [0.01],
            "synergy_high": [0.09],
        }
    )
    sentence = together_module.about_pairs(rows, 3)
    assert sentence.startswith("No pair is shown to belong together: none of the 1 pairs")
    assert together_module.about_pairs(rows[:0], 3).startswith("No pair can be judged yet")
    found = together_module.about_pairs(rows.assign(q_value=0.05, synergy=-0.05), 3)
    assert found == "a with b (−5.0) is worse together than one by one."


def test_a_biased_draw_is_cautioned_against(data: dict[str, Any]) -> None:
    assert data["verdict"]["verdict"] == "biased"
    assert data["sections"]["together"]["caution"].startswith("The draws are biased (")


def test_many_families_are_shown_by_their_ends() -> None:
    effects = pd.DataFrame({"effect": np.linspace(1, -1, 70)})
    shown = together_module.extremes(effects)
    assert len(shown) == together_module.EFFECTS
    assert shown["effect"].tolist() == [*effects["effect"].head(8), *effects["effect"].tail(8)]


def test_a_sentence_names_a_few_and_counts_the_rest() -> None:
    rows = [(f"f{n}", 0.05 - 0.001 * n, 0.01, 0.06) for n in range(9)]
    effects = pd.DataFrame(rows, columns=["family", "effect", "effect_low", "effect_high"])
    sentence = together_module.about_effects(effects)
    assert sentence.startswith(
        "In percentage points of validation accuracy, better than the average family: f0 (+5.0), "
    )
    assert "f3 (+4.7) and 5 more" in sentence
    assert "worse" not in sentence


# Cards


def test_a_card_has_its_members_and_curves(data: dict[str, Any]) -> None:
    board, cards = data["sections"]["leaders"]["table"], data["cards"]
    for key, members, value in zip(
        *(column(board, name) for name in ("key", "members", "val_acc")), strict=True
    ):
        models = members.split("+")
        places = [int(model.removeprefix("m")) for model in models]
        assert [m[1] for m in cards["members"][key]] == pytest.approx([value - 0.1, value - 0.2])
        assert cards["members"][key][0][0] == pytest.approx(0.3 + 0.01 * min(places))
        assert cards["curves"][key][0] == [1, 2]
        assert cards["curves"][key][1] == pytest.approx([value / 2, value], abs=1e-5)
    assert cards["alone"] == pytest.approx({f"m{n}": 0.4 + 0.01 * n for n in range(5)})


def test_failed_controls_of_one_family_show_their_member(maker: Maker) -> None:
    for model in ("bee_s", "bee_m"):
        leased = maker.draw(model, role=Role.CONTROL)
        maker.finish(leased, Outcome(status=Status.OOM, stage="train", message="out of memory"))
    latest = page_data(maker.ledger)["sections"]["failures"]["latest"]
    assert column(latest, "families") == ["bee", "bee"]
    assert set(column(latest, "members")) == {"bee_s", "bee_m"}
