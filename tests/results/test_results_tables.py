"""Finding and running anybody's analyses."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_maker import Maker

import nas
from nas.results import CampaignData, question, table, tables
from nas.schema import ProblemError, SearchConfig

QUESTION = '"""How many candidates are there?\n\nOne row.\n"""\n'


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an analysis folder of its own."""
    folder = tmp_path / "here" / "analysis"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder.parent)
    return folder


def test_the_shipped_ones_are_there() -> None:
    shipped = {"leaderboard", "family_yield", "cooccurrence", "coverage", "failures", "failing"}
    assert shipped <= set(tables())


@pytest.mark.parametrize("name", sorted(tables()))
def test_each_opens_with_a_question(name: str) -> None:
    assert question(name).endswith("?")


def test_one_s_own_is_found_and_wins(
    own: Path, filled: Maker, consent: Callable[..., None]
) -> None:
    text = QUESTION + "def table(data):\n    return data.candidates.groupby('role').size()\n"
    (own / "roles.py").write_text(text + "\n")
    (own / "leaderboard.py").write_text(
        QUESTION + "def table(data):\n    return data.candidates[['key']]\n"
    )
    (own / "_helper.py").write_text("not python")
    consent(own / "leaderboard.py")
    assert question("roles") == "How many candidates are there?"
    assert list(table("leaderboard", filled.ledger).columns) == ["key"]
    assert "_helper" not in tables()
    assert "family_yield" in tables()
    assert sorted(path.name for path in own.iterdir()) == [
        "_helper.py",
        "leaderboard.py",
        "roles.py",
    ]  # no __pycache__


def test_the_guide_s_example_runs(own: Path, filled: Maker) -> None:
    guide = Path(nas.__file__).parents[1] / "docs" / "extending.md"
    (own / "settings.py").write_text(guide.read_text().split("```python\n")[1].split("```")[0])
    assert question("settings") == "Which settings of the gate do best?"
    [row] = table("settings", filled.ledger).itertuples()
    assert (row.gate_mixing, row.n) == ("soft", 6)
    assert 0 < row.mean_acc < 1


def test_it_must_give_a_frame(own: Path, filled: Maker) -> None:
    (own / "count.py").write_text(QUESTION + "def table(data):\n    return 7\n")
    with pytest.raises(ProblemError, match="gave a int") as caught:
        table("count", filled.ledger)
    assert caught.value.problem.where == str(own / "count.py")


@pytest.mark.parametrize(
    ("code", "line", "messages"),
    [
        ("def table(data):\n    x = data.candidates\n    return x['nope']\n", 7, "KeyError"),
        ("def table(data:\n    pass\n", 5, "SyntaxError"),
        ("import no_such_module\n", 5, "No module named 'no_such_module'"),
        ("def table(data):\n    raise ValueError('too\\nlong')\n", 6, "ValueError: too"),
    ],
)
def test_its_errors_name_their_line(
    own: Path, filled: Maker, code: str, line: int, messages: str
) -> None:
    (own / "mine.py").write_text(QUESTION + code)  # the question takes four lines
    with pytest.raises(ProblemError) as caught:
        table("mine", filled.ledger)
    problem = caught.value.problem
    assert problem.where == f"{own / 'mine.py'}:{line}"
    assert messages in problem.what
    assert "\n" not in problem.what


def test_it_needs_a_function_and_a_question(own: Path, filled: Maker) -> None:
    (own / "mine.py").write_text("x = 1\n")
    with pytest.raises(ProblemError, match="needs a function table"):
        table("mine", filled.ledger)
    with pytest.raises(ProblemError, match="opens with its question"):
        question("mine")


def test_an_unknown_name(filled: Maker) -> None:
    with pytest.raises(ProblemError, match="no analysis is named 'leaderbord'") as caught:
        table("leaderbord", filled.ledger)
    assert caught.value.problem.fix == "did you mean leaderboard?"


def test_problems_of_the_ledger_pass_through(filled: Maker) -> None:
    with pytest.raises(ProblemError, match="no campaign is named 'x'"):
        nas.table("leaderboard", filled.ledger, "x")


def test_frames_read_once_and_only_what_is_queried(filled: Maker) -> None:
    data = CampaignData(filled.ledger, "first")
    assert data.candidates is data.candidates
    assert "attempts" not in vars(data)
    assert data.space == filled.space
    assert data.config == SearchConfig(sampler="uniform")
    for name in ("attempts", "epochs", "experts", "events", "probes"):
        assert len(getattr(data, name)) == len(getattr(filled.ledger, name)())
