"""Pages of little, of much, of what is being written, and of what is broken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ledger_maker import SPACE as TOY
from ledger_maker import Maker
from page_watch import Watched

from nas import trust
from nas.ledger import Ledger
from nas.report.page import data as page_data_module
from nas.report.page import page as make_page
from nas.report.page import page_data, to_json
from nas.report.page.serialize import Column, values
from nas.report.page.serialize import table as as_table
from nas.report.page.snapshot import Snapshot
from nas.schema import ExpertAxis, Member, ProblemError, Role, SearchConfig, Space


def column(table: dict[str, Any], name: str) -> list[Any]:
    return table["values"][name]  # type: ignore[no-any-return]


def test_a_ledger_without_a_campaign(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    found = page_data(ledger)
    assert found["campaign"] is None
    assert "nas search" in found["empty"]
    with pytest.raises(ProblemError, match="no campaign is named 'other'"):
        page_data(ledger, "other")


def problems(found: dict[str, Any]) -> list[str]:
    to_json(found)
    return [made["problem"] for made in found["sections"].values() if made and "problem" in made]


def test_nothing_drawn(maker: Maker) -> None:
    found = page_data(maker.ledger)
    assert problems(found) == []
    assert found["headline"] == "Nothing has been drawn yet."
    assert found["verdict"]["verdict"] == "none"


def test_replicates_are_counted_apart(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9)
    for seed in (1, 2):
        maker.trained("ant_s", "bee_s", val=0.9, replicate=seed, role=Role.REPLICATE)
    found = page_data(maker.ledger)
    assert found["headline"] == "1 candidate drawn: 1 trained; 2 replicates: 2 trained."
    maker.draw("ant_s", "bee_s", replicate=3, role=Role.REPLICATE)
    assert page_data(maker.ledger)["headline"].endswith("3 replicates: 2 trained, 1 still open.")


def test_a_bank_draws_nothing(tmp_path: Path) -> None:
    alone = TOY.with_(experts=ExpertAxis(k=1, families=TOY.experts.families))  # type: ignore[union-attr]
    maker = Maker(tmp_path / "runs.db", space=alone, bank=True)
    maker.trained("ant_s", val=0.9)
    maker.failed("bee_m")
    found = page_data(maker.ledger)
    assert problems(found) == []
    assert (found["verdict"]["verdict"], found["verdict"]["failing"]) == ("none", [])
    assert found["kind"] == "bank"
    assert found["headline"] == "2 experts: 1 trained, 1 out of memory."
    assert "drawn" not in found["setup"]
    hidden = {name for name, section in found["sections"].items() if section is None}
    assert "members" not in found["sections"]["leaders"]["card_only"]  # two of a family differ
    assert column(found["sections"]["best"]["table"], "members") == ["ant_s"]
    assert hidden >= {"together", "coverage", "families", "pairs", "gates"}
    assert found["sections"]["leaders"]["total"] == 1
    names = [shown["name"] for shown in found["sections"]["leaders"]["table"]["columns"]]
    assert names[1] == "val_acc"
    assert names[names.index("families") + 1] == "members"


def test_every_candidate_fails(maker: Maker) -> None:
    for models in (("ant_s", "bee_s"), ("cat_s", "dog_s"), ("ant_s", "cat_s")):
        maker.failed(*models)
    found = page_data(maker.ledger)
    assert problems(found) == []
    assert found["headline"] == "3 candidates drawn: 3 out of memory. No candidate is trained yet."
    assert found["sections"]["leaders"]["total"] == 0
    assert len(found["codes"]["of"]) == 3
    assert None not in column(found["sections"]["families"]["table"], "success_low")[:1]


def test_one_family(tmp_path: Path) -> None:
    one = ExpertAxis(k=1, families={"ant": (Member(model="ant_s"),)})
    maker = Maker(tmp_path / "runs.db", space=TOY.with_(experts=one))
    maker.trained("ant_s", val=0.5, inside=(0.5,), usage=(1.0,))
    maker.trained("ant_s", val=0.6, inside=(0.6,), usage=(1.0,), mixing="top1")
    found = page_data(maker.ledger)
    assert problems(found) == []
    families = found["sections"]["families"]["table"]
    assert column(families, "effect") == [None]
    assert column(families, "not_estimable")[0]
    assert found["sections"]["pairs"]["table"]["rows"] == 0
    assert found["sections"]["together"]["pairs"].startswith("Each candidate holds one family")
    assert found["sections"]["leaders"]["total"] == 2


def test_a_space_without_families(tmp_path: Path) -> None:
    space = Space(name="none", template="single", choices=TOY.choices)
    maker = Maker(tmp_path / "runs.db", space=space)
    assert problems(page_data(maker.ledger)) == []


def test_another_campaign_may_be_requested(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.ledger.create_campaign("second", TOY, SearchConfig())
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

        def noted(self: Ledger, *of: Any, real: Any = real) -> Any:
            read.append(real.__name__)
            return real(self, *of)

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
    filled: Maker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    consent: Callable[..., None],
) -> None:
    (tmp_path / "analysis").mkdir()
    own = "def table(data):\n    return data.candidates[['key']]\n"
    (tmp_path / "analysis" / "leaderboard.py").write_text(f'"""Mine?"""\n{own}')
    consent(tmp_path / "analysis" / "leaderboard.py")
    monkeypatch.chdir(tmp_path)
    sections = page_data(Ledger(filled.path))["sections"]
    broken = {name for name, made in sections.items() if made and "problem" in made}
    assert {"best", "leaders", "costs", "curves"} <= broken
    assert not {"together", "coverage", "pairs", "failures", "timeline", "gates"} & broken
    assert "the analysis leaderboard gives no column number" in sections["leaders"]["problem"]


def test_missing_values_are_none_and_infinite_ones_too() -> None:
    floats = pd.Series([0.123456789, np.nan, np.inf])
    assert values(floats, "percent") == [0.12345679, None, None]
    assert values(pd.Series([1, None], dtype="Int64"), "int") == [1, None]
    times = pd.to_datetime(pd.Series([0.0, None], dtype="float64"), unit="s", utc=True)
    assert values(times, "time") == [0.0, None]
    with pytest.raises(ProblemError, match="analysis x gives no column b"):
        as_table(pd.DataFrame({"a": [1]}), [Column("b", "B", "int")], "x")


# In a browser


def nothing(maker: Maker) -> None:
    pass


def failures_alone(maker: Maker) -> None:
    maker.failed("ant_s", "bee_s")


def one_running(maker: Maker) -> None:
    maker.start(maker.draw("ant_s", "bee_s"))


def one_success(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)


@pytest.mark.proof
@pytest.mark.parametrize("happened", [nothing, failures_alone, one_running, one_success])
def test_it_opens_and_says_what_there_is(
    maker: Maker, watched: Watched, tmp_path: Path, happened: Callable[[Maker], None]
) -> None:
    happened(maker)
    (tmp_path / "out.html").write_bytes(make_page(maker.ledger))
    opened = watched.open((tmp_path / "out.html").as_uri())
    for figure in opened.locator("section:not([hidden]) figure").all():
        drawn = figure.locator("svg.main-svg").count() > 0
        assert drawn or figure.locator(".empty").inner_text().endswith(".")
    for summary in opened.locator("main section:not([hidden]) summary").all():
        summary.click()
    for choice in opened.locator("section:not([hidden]) .switch input:not(:disabled)").all():
        choice.check()
    assert opened.locator("#leaders tbody tr").count() == (happened is one_success)
    assert opened.locator("#best ol li").count() == (happened is one_success)
    assert opened.locator("#best .empty").is_visible() == (happened is not one_success)
    assert opened.locator("#leaders .tools").is_visible() == (happened is one_success)
    if happened is one_success:
        assert opened.locator("#timeline .point").count() == 1  # the best so far
        draws = opened.locator("#coverage .ytick text").all_text_contents()
        assert draws == ["0", "1"]  # nothing is drawn half a time
    assert opened.locator("#together .lead").first.inner_text().startswith("No pair can be judged")


def test_a_broken_analysis_is_reported_in_its_place(
    maker: Maker, watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    (tmp_path / "analysis").mkdir()
    own = '"""Mine?"""\n\n\ndef table(data):\n    return 1 / 0\n'
    for name in ("leaderboard", "failures", "family_yield"):
        (tmp_path / "analysis" / f"{name}.py").write_text(own)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    trust.trust([tmp_path / "analysis" / "leaderboard.py"])  # consent is to a content
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out.html").write_bytes(make_page(maker.ledger))
    opened = watched.open((tmp_path / "out.html").as_uri())
    for section in ("together", "best", "leaders", "failures", "families", "coverage"):
        messages = opened.locator(f"#{section} .problem").first.inner_text()
        assert "ZeroDivisionError" in messages
    assert opened.locator("#gates svg.main-svg, #gates .empty").count() > 0
    assert opened.locator("#timeline svg.main-svg").count() > 0
