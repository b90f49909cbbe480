"""Drawing by what a screen foretold, corrected by what training gave."""

import io
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from planted_screen import FAMILIES, SPACE, planted
from typer.testing import CliRunner

import nas
from nas.campaign.drawn_fits import fit_drawn
from nas.campaign.screen import sampler_of
from nas.cli.app import app
from nas.ledger import CampaignStore, Ledger, Owner, models
from nas.ledger.screens import screened
from nas.processes import Answer, Failure, Sandbox
from nas.report import Terminal
from nas.results import CampaignData
from nas.results.screen_validation import arms
from nas.schema import ProblemError, Record, SearchConfig, Status
from nas.stats.surrogate import FEWEST

REQUEST = {"sampler": "corrected", "by": "corrected", "top": 12, "screen": 1}


def test_the_chosen_are_those_that_the_report_ranks_first(tmp_path: Path) -> None:
    """Mixtures with h are six points worse than the screen says, which it learns by training."""
    maker = planted(tmp_path, noise=0.0, trained=0, **REQUEST)
    ledger = maker.ledger
    predicted = screened(ledger, 1).set_index("members")["uniform"]
    sampler = sampler_of(ledger, SPACE, SearchConfig.model_validate(REQUEST))
    records: list[Record] = []
    for number in range(24):
        drawn = sampler.propose(records)
        assert drawn is not None
        models = [pick.model for pick in drawn.picks]
        if number % 2 == 0 and number < FEWEST:
            seen = {"+".join(p.model for p in r.assignment.picks) for r in records}
            assert "+".join(models) == next(name for name in predicted.index if name not in seen)
        elif number % 2 == 0:
            ranked = nas.table("screen_corrected", ledger)
            assert "+".join(models) == ranked.loc[ranked["trained"].isna(), "members"].iloc[0]
        value = float(predicted["+".join(models)] - 0.06 * ("h_s" in models))
        records.append(Record(number, drawn, 0, Status.OK, value))
        maker.trained(*models, val=value, mixing=dict(drawn.choices)["mixing"])
    reported = arms(CampaignData(ledger, "first"))
    assert list(reported["arm"]) == ["chosen", "control"] * 12
    again = sampler_of(ledger, SPACE, SearchConfig.model_validate(REQUEST))
    for at in (0, 13, 14, 23):
        assert again.propose(records[:at]) == records[at].assignment


def test_another_history_is_another_proposal(tmp_path: Path) -> None:
    """As for every sampler: a function of the records, whatever was proposed before."""
    ledger = planted(tmp_path, noise=0.0, trained=0, **REQUEST).ledger
    sampler = sampler_of(ledger, SPACE, SearchConfig.model_validate(REQUEST))
    records: list[Record] = []
    for number in range(14):
        drawn = sampler.propose(records)
        assert drawn is not None
        records.append(Record(number, drawn, 0, Status.OK, 0.5 + 0.01 * number))
    other = [replace(r, value=1 - (r.value or 0)) for r in records]
    first, second = sampler.propose(records), sampler.propose(other)
    assert first != second
    for history, proposed in ((records, first), (other, second)):
        fresh = sampler_of(ledger, SPACE, SearchConfig.model_validate(REQUEST))
        assert fresh.propose(history) == proposed


@pytest.mark.parametrize("fitted", [0, 10, 26])
def test_mixtures_without_a_fit_are_ranked_too(tmp_path: Path, fitted: int) -> None:
    ledger = planted(tmp_path, noise=0.0, trained=0, fitted=fitted, **REQUEST).ledger
    sampler = sampler_of(ledger, SPACE, SearchConfig.model_validate(REQUEST))
    records: list[Record] = []
    for number in range(22):
        drawn = sampler.propose(records)
        assert drawn is not None
        records.append(Record(number, drawn, 0, Status.OK, 0.5 + 0.01 * (number % 7)))
    assert len({r.assignment.picks for r in records[::2]}) == 11


def test_failures_are_nothing_to_learn_from(tmp_path: Path) -> None:
    ledger = planted(tmp_path, noise=0.0, trained=0, **REQUEST).ledger
    sampler = sampler_of(ledger, SPACE, SearchConfig.model_validate(REQUEST))
    records: list[Record] = []
    for number in range(20):
        drawn = sampler.propose(records)
        assert drawn is not None
        records.append(Record(number, drawn, 0, Status.OOM))
    best = list(screened(ledger, 1)["members"])
    chosen = ["+".join(p.model for p in r.assignment.picks) for r in records[::2]]
    assert [best.index(name) for name in chosen] == sorted(best.index(name) for name in chosen)


def test_runs_that_collapsed_are_nothing_to_learn_from(tmp_path: Path) -> None:
    """A run at chance is to the correction what a failed one is."""
    maker = planted(tmp_path, noise=0.0, trained=0, **REQUEST)
    ledger = maker.ledger
    maker.control("a_s", 0.5)  # an expert of the bank: it says what the data are
    [key] = ledger.candidates()["key"]
    with ledger.session() as session:
        row = session.get_one(models.Screen, 1)
        row.experts = [{**row.experts[0], "key": key}, *row.experts[1:]]
    sampler = sampler_of(ledger, SPACE, SearchConfig.model_validate(REQUEST))
    truth = screened(ledger, 1).set_index("members")["uniform"]
    records: list[Record] = []
    for number in range(20):
        drawn = sampler.propose(records)
        assert drawn is not None
        value = 0.1 if number in (2, 5, 8) else float(truth["+".join(p.model for p in drawn.picks)])
        records.append(Record(number, drawn, 0, Status.OK, value))
    failed = [replace(r, status=Status.OOM, value=None) if r.value == 0.1 else r for r in records]
    learned = [replace(r, value=0.6) if r.value == 0.1 else r for r in records]
    ranked = {
        name: [sampler.propose(history[:at]) for at in range(16, 21)]
        for name, history in (("lost", records), ("failed", failed), ("learned", learned))
    }
    assert ranked["lost"] == ranked["failed"] != ranked["learned"]


@pytest.mark.parametrize("sampler", ["screen", "corrected"])
def test_a_screen_has_to_be_named(sampler: str) -> None:
    config = SearchConfig(sampler=sampler)
    with pytest.raises(ProblemError, match="needs a screen"):
        sampler_of(None, SPACE, config)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_screen_that_is_refused_writes_no_empty_lines_first(
    terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Terminal(file=io.StringIO(), force_terminal=terminal)
    monkeypatch.setattr("nas.cli.output.console", shown)
    Ledger(tmp_path / "runs.db", read_only=False).close()
    done = CliRunner().invoke(app, ["screen", "tiny", "--db", str(tmp_path / "runs.db")])
    assert isinstance(done.exception, ProblemError)
    assert "the bank has no expert of tiny" in str(done.exception)
    assert (done.output, shown.file.getvalue()) == ("", "")  # type: ignore[attr-defined]


class Fits(Sandbox):
    """Says of every mixture that its probe is the best there is, or why it cannot be said."""

    def __init__(self, problem: str = "") -> None:
        super().__init__()
        self.problem = problem
        self.requests: list[tuple[Any, ...]] = []

    def call(self, function: Any, *args: Any, **_: Any) -> Any:
        self.requests.append((function, *args))
        if self.problem:
            return Answer(None, Failure.RAISED, self.problem)
        return Answer({"probe": [0.99] * len(args[2])})


@pytest.mark.parametrize("by", ["probe", "corrected"])
def test_controls_are_fitted_when_they_are_drawn_and_choose_nothing(
    tmp_path: Path, by: str
) -> None:
    how = {
        "screen": 1,
        "top": 6,
        "by": by,
        "sampler": "corrected" if by == "corrected" else "screen",
    }
    maker = planted(tmp_path, noise=0.0, trained=0, fitted=8, **how)
    ledger, config = maker.ledger, SearchConfig.model_validate(how)
    sampler = sampler_of(ledger, SPACE, config)
    records: list[Record] = []
    for number in range(16):
        drawn = sampler.propose(records)
        assert drawn is not None
        models = [pick.model for pick in drawn.picks]
        value = 0.5 + 0.01 * (number % 7)
        records.append(Record(number, drawn, 0, Status.OK, value))
        maker.trained(*models, val=value, mixing=dict(drawn.choices)["mixing"])
    before = screened(ledger, 1).set_index("members")["probe"]
    names = {"+".join(pick.model for pick in r.assignment.picks) for r in records}
    lacking = names & set(before[before.isna()].index)
    assert lacking
    store = CampaignStore(ledger, ledger.campaign("first").id, Owner.me())
    messages: list[str] = []
    fit_drawn(store, 1, Fits("no such expert"), messages.append)
    assert messages == [f"screen 1 has no fits of {len(lacking)} controls: no such expert"]
    done = Fits()
    fit_drawn(store, 1, done, messages.append)
    [(function, folder, keys, wanted, _)] = done.requests
    assert callable(resolve_name(function))
    assert (folder, keys) == ((ledger.files / "bank").absolute(), list(FAMILIES))
    assert {members for _, members in wanted} == lacking
    after = screened(ledger, 1).set_index("members")["probe"]
    assert (after[list(lacking)] == 0.99).all()
    assert after.drop(list(lacking)).equals(before.drop(list(lacking)))
    fit_drawn(store, 1, done, messages.append)
    assert len(done.requests) == 1  # nothing is left to fit
    resumed = sampler_of(ledger, SPACE, config)
    for at in (0, 5, 15, 16):
        assert resumed.propose(records[:at]) == sampler.propose(records[:at])
