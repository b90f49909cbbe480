"""Growth, domains and an added expert, as the page's data and as files."""

import json
import re
from pathlib import Path
from typing import Any

import events_ledger
import pytest
from arm_maker import draw
from events_ledger import (
    DOMAINS,
    GROWTH,
    HOT_PLUG,
    growing,
    grown,
    plugging,
    routing_domains,
    train,
)
from ledger_maker import Maker, epoch

import nas
from nas.report.figures import figures
from nas.report.page import cards as cards_module
from nas.report.page import growth as growth_module
from nas.report.page import page_data, to_json
from nas.schema import Metric, Outcome, Status

SECTIONS = ("growth", "domains", "hot_plug")


def data_of(maker: Maker) -> dict[str, Any]:
    data = json.loads(to_json(page_data(maker.ledger)))
    assert not any("problem" in section for section in data["sections"].values() if section)
    return data  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def grew(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return data_of(growing(tmp_path_factory.mktemp("growth") / "runs.db"))


def test_which_networks_grew(grew: dict[str, Any]) -> None:
    found = grew["sections"]["growth"]
    assert found["answer"] == (
        "Most growths, 3 a run on average: eager (to 5 experts). Grew exactly once: calm (2 of 2"
        " runs). Never grew: still. At the end, the work is shared least evenly in eager (H(P) /"
        " ln E 0.06), most evenly in calm (0.09). Experts with less than 2 % of the work at the"
        " end: eager (4 of 5) and calm (2 of 3)."
    )
    assert found["table"]["values"]["arm"] == ["eager", "calm", "still", "broken"]
    assert found["table"]["values"]["runs"] == [2, 2, 1, 0]
    assert found["table"]["values"]["first_growth"] == [1, 2, None, None]
    assert found["events"]["values"]["variant"].count("eager") == 6
    assert found["events"]["values"]["reason"][0] == "<b>plateau</b>"


def test_each_run_has_its_line(grew: dict[str, Any]) -> None:
    lines = grew["sections"]["growth"]["lines"]
    assert [line["name"] for line in lines] == ["eager", "eager", "calm", "calm", "still"]
    assert lines[0]["run"] == "#0"
    assert lines[1]["run"].startswith("replicate")
    assert lines[1]["experts"] == [2, 3, 4, 5]
    assert lines[1]["grew"] == [True, True, True, False]
    assert lines[2]["grew"] == [False, True, False, False]
    assert lines[4]["experts"] == [1, 1, 1, 1]
    assert lines[0]["val_acc"] == [0.15, 0.3, 0.45, 0.6]


def test_of_many_runs_the_first_have_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth_module, "LINES", 1)
    found = data_of(growing(tmp_path / "runs.db"))["sections"]["growth"]
    assert [line["run"] for line in found["lines"]] == ["#0", "#1", "#2"]
    assert found["left_out"] == 2
    assert found["table"]["values"]["runs"] == [2, 2, 1, 0]


def test_while_no_network_is_trained(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", space=GROWTH, dataset="digits")
    for running in (False, True):
        if running:
            attempt = maker.start(draw(maker, "eager", "eager"))
            maker.store.epoch(attempt, epoch(1).with_(events=(grown(1, 3),)))
        data = data_of(maker)
        found = data["sections"]["growth"]
        assert found["answer"] == "No network that can grow is trained yet."
        assert found["lines"] == []
        assert found["events"]["rows"] == 0
    made = dict(figures(data, tmp_path))
    assert made["growth"] == "No network that can grow is trained yet."


def test_a_network_whose_experts_are_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its accuracy is still drawn."""
    loss = Metric(name="loss_balance", split="train", value=1.0)
    monkeypatch.setattr(events_ledger, "Metric", lambda **_: loss)
    found = data_of(growing(tmp_path / "runs.db"))
    lines = found["sections"]["growth"]["lines"]
    assert {count for line in lines for count in line["experts"]} == {None}
    assert lines[0]["val_acc"][-1] == 0.6
    assert dict(figures(found, tmp_path))["growth"] == (
        "No network that can grow is recorded with its number of experts."
    )


def test_another_procedure_that_grows_has_its_section(tmp_path: Path) -> None:
    other = GROWTH.with_(recipe=DOMAINS.recipe)
    maker = Maker(tmp_path / "runs.db", space=other, dataset="digits")
    train(maker, "eager", 0, events=(grown(1, 3),), experts=(2, 3, 3, 3))
    train(maker, "calm", 0)
    found = data_of(maker)["sections"]["growth"]
    assert found["table"] is None
    assert [line["name"] for line in found["lines"]] == ["eager"]
    assert found["events"]["rows"] == 1


def test_where_images_of_a_domain_go(tmp_path: Path) -> None:
    maker = routing_domains(tmp_path / "runs.db")
    found = data_of(maker)["sections"]["domains"]
    assert found["answer"] == (
        "Compared with sending each image to the expert of its domain, routing loses least in found"
        " (+0.0 points; 100.0 % sent there) and most in lost (+40.0 points; 40.0 % sent there). The"
        " experts misclassify 20.0 % of the images of their own domains. Routing loses more than"
        " that in lost."
    )
    values = found["table"]["values"]
    assert values["phase"] == ["experts", "router"] * 2
    assert values["gap_domain"] == nas.table("routing", maker.ledger)["gap_domain"].tolist()
    assert values["wrong_acc"] == [0, 0, 0, None]
    assert set(values["gradient_cosine"]) == {None}
    matrix = found["matrix"]["values"]
    assert matrix["variant"] == ["lost"] * 4 + ["found"] * 4
    assert matrix["sent_share"] == [0.2, 0.8, 0.4, 0.6, 1, 0, 0, 1]
    assert matrix["expert_acc"] == [0.8, 0, 0, 0.8] * 2


def test_one_variant_is_not_compared(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", space=DOMAINS, dataset="digits")
    train(maker, "lost", 0, events=(events_ledger.phase("router", 4, [[50, 0], [0, 50]], hits=50),))
    found = data_of(maker)["sections"]["domains"]
    assert found["answer"] == (
        "Compared with sending each image to the expert of its domain, routing loses +0.0 points in"
        " lost. The experts misclassify 0.0 % of the images of their own domains. Routing loses"
        " less than that."
    )


def test_what_an_added_expert_changed(tmp_path: Path) -> None:
    found = data_of(plugging(tmp_path / "runs.db", seeds=(0, 1, 2)))["sections"]["hot_plug"]
    assert found["answer"] == (
        "After another expert was added, the old ones give the same logits, bit for bit, in guarded"
        " (3 of 3 runs). The logits of the old experts changed in unguarded (3 of 3 runs; accuracy"
        " on their own images −30.0 points, 95 % interval −54.8 to −5.2)."
    )
    assert found["table"]["values"]["equal"] == [3, 0]


def test_of_one_run_there_is_no_interval(tmp_path: Path) -> None:
    found = data_of(plugging(tmp_path / "runs.db", seeds=(0,)))["sections"]["hot_plug"]
    assert found["answer"].endswith("(1 of 1 runs; accuracy on their own images −20.0 points).")


@pytest.mark.parametrize("space", [DOMAINS, HOT_PLUG])
def test_without_events_there_are_no_sections(tmp_path: Path, space: Any) -> None:
    maker = Maker(tmp_path / "runs.db", space=space, dataset="digits")
    train(maker, next(iter(space.arms)), 0)
    data = data_of(maker)
    assert [data["sections"][name] for name in SECTIONS] == [None] * 3
    assert data["cards"]["events"] == {}


def test_families_have_none_of_them(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db")
    maker.trained("ant_s", "bee_s", val=0.5, events=(grown(1, 3),))
    data = data_of(maker)
    assert [data["sections"][name] for name in SECTIONS] == [None] * 3
    [events] = data["cards"]["events"].values()  # its card has them
    assert events == {"rows": [[2, "growth", "<b>plateau</b>"]], "more": 0}


def test_a_card_lists_the_first_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards_module, "EVENTS", 2)
    data = data_of(growing(tmp_path / "runs.db"))
    board = data["sections"]["leaders"]["table"]["values"]
    key_of = dict(zip(board["members"], board["key"], strict=True))
    events = data["cards"]["events"]
    assert [row[:2] for row in events[key_of["eager"]]["rows"]] == [[1, "growth"], [2, "growth"]]
    assert events[key_of["eager"]]["more"] == 1
    assert events[key_of["calm"]]["more"] == 0
    assert key_of["still"] not in events


def test_an_epoch_that_was_trained_again_counts_once(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", space=GROWTH, dataset="digits")
    leased = draw(maker, "eager", "eager")
    first = maker.start(leased)
    maker.store.epoch(first, epoch(1).with_(events=(grown(1, 3),)))
    again = maker.start(leased, resumed_from=first)
    maker.store.epoch(again, epoch(1).with_(events=(grown(1, 3),)))
    outcome = Outcome(status=Status.OK, epochs=1, val_acc=0.6, val_images=100)
    assert maker.store.finish(leased, again, outcome, final=True)
    data = data_of(maker)
    assert data["sections"]["growth"]["events"]["rows"] == 1
    [events] = data["cards"]["events"].values()
    assert len(events["rows"]) == 1


def test_they_are_written_as_files(tmp_path: Path) -> None:
    for make, name, titles in (
        (growing, "growth", ["eager", "calm", "still"]),
        (routing_domains, "routing_matrix", ["lost", "found"]),
    ):
        data = page_data(make(tmp_path / f"{name}.db").ledger)
        assert name in dict(figures(data, tmp_path))
        drawn = (tmp_path / f"{name}.svg").read_text()
        texts = re.findall(r"<text[^>]*>(.*?)</text>", drawn)
        assert [text for text in texts if text in titles] == titles
    assert {"20", "80", "40", "60", "100"} <= set(texts)
