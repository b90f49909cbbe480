"""A space of settings alone, without families: every question has an answer, and no warning."""

import pandas as pd
import pytest
from ledger_maker import Maker
from tracked import tracked

import nas
from nas.ledger.summary import summary
from nas.report.page import page_data
from nas.results import audit_result, recommended, tables
from nas.results.power import measured, plan
from nas.schema import Choice, ProblemError, Space, Status

SPACE = Space(name="plain", choices=(Choice(name="mixing", values=("soft", "top1")),))
OF_CAMPAIGNS = sorted(
    name for name, path in tables().items() if tracked([path]) and not name.startswith("screen")
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """30 candidates of two settings, every fifth a failure: warnings are errors in every test."""
    path = tmp_path_factory.mktemp("plain") / "runs.db"
    maker = Maker(path, space=SPACE, sampler="stratified")
    for number in range(30):
        mixing = ("soft", "top1")[number % 2]
        if number % 5 == 4:
            maker.failed(status=Status.CRASH, mixing=mixing, replicate=number)
        else:
            maker.trained(val=0.6 + 0.01 * number, mixing=mixing, replicate=number)
    return maker


@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_every_analysis_answers(plain: Maker, name: str) -> None:
    found = nas.table(name, plain.ledger)
    assert isinstance(found, pd.DataFrame)
    if name == "leaderboard":
        assert len(found) == 24
    if name == "failures":
        assert found[["outcome", "family", "attempts"]].values.tolist() == [["crash", "", 6]]
        assert found["share"].tolist() == [6 / 30]


def test_the_audit_judges_settings_alone(plain: Maker) -> None:
    messages = audit_result(plain.ledger)
    assert (messages.verdict, messages.draws, messages.failing) == ("fair", 30, {})


def test_the_page_has_no_problem(plain: Maker) -> None:
    sections = page_data(plain.ledger)["sections"]
    assert [name for name, made in sections.items() if made and "problem" in made] == []
    assert sections["leaders"]["total"] == 24


def test_status_plan_and_advice(plain: Maker) -> None:
    assert summary(plain.ledger, None).counts["search"] == {"ok": 24, "crash": 6}
    before = measured(plain.ledger, None)
    assert before is None or before.noise != before.noise  # nothing is told of families
    assert plan(SPACE, 2).results == 2
    with pytest.raises(ProblemError, match="recommends nothing yet"):
        recommended(plain.ledger)
