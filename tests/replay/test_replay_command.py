"""`nas replay`: its table, its JSON, and what the README and docs/replay.md show of it."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.app import app
from nas.replay import Comparison, Row, Spread, compare, plain, remarks, table
from nas.replay.figures import Figure

GOLDEN = Path(__file__).parent / "golden.md"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(seeds=2, trainings=300)


def check(published: float, mean: float, low: float, high: float, unit: str = "count") -> Row:
    figure = Figure("a figure", unit, "check", published, None, None)  # type: ignore[arg-type]
    return Row(figure, Spread(mean, low, high), None)


def test_a_check_is_met_where_the_published_figure_lies_in_the_range() -> None:
    assert check(92, 100, 91, 110).met
    assert check(92, 100, 93, 110).met is False
    assert check(0.127, 0.12736, 0.12736, 0.12736, "share").met  # as it is rounded
    assert check(0.127, 0.1276, 0.1276, 0.1276, "share").met is False
    assert check(80, 100, 91, 110).off_by == pytest.approx(0.25)


def test_a_spread_is_the_mean_and_the_range_of_95_percent() -> None:
    spread = Spread.of(list(range(1, 1001)))
    assert (spread.mean, spread.low, spread.high) == (500.5, 25, 975)


def test_json_names_inputs_assumptions_and_checks(comparison: Comparison) -> None:
    messages = json.loads(json.dumps(plain(comparison)))
    assert {"generated", "successes", "different quartets trained"} < messages["inputs"].keys()
    assert list(messages["assumptions"]) == [
        "order",
        "collisions",
        "memory",
        "partners",
        "blacklist",
        "time",
        "nas",
    ]
    checks = {row["figure"]: row for row in messages["checks"]}
    for name in ("FractalNet in failures", "ShuffleNet: attempts", "MobileNetV3: attempts"):
        row = checks[name]
        low, high = row["replayed"]["low"], row["replayed"]["high"]
        assert row["off_by"] == pytest.approx(row["replayed"]["mean"] / row["published"] - 1)
        assert row["met"] is (low - 0.5 <= row["published"] <= high + 0.5) or row["published"] < 1
    assert checks["successes with AirNet"]["replayed"]["low"] == 1
    assert not messages["inputs"].keys() & checks.keys()
    assert len(messages["audit"]["replayed"]) == messages["replays"] == 100
    assert {verdict["verdict"] for verdict in messages["audit"]["replayed"]} == {"biased"}
    assert {verdict["verdict"] for verdict in messages["audit"]["with_nas"]} == {"adaptive"}


def test_the_fitted_figures_come_out_near(comparison: Comparison) -> None:
    fitted = [row for row in comparison.rows if row.figure.role == "fitted"]
    assert len(fitted) == 2
    for row in fitted:
        assert abs(row.off_by or 0) < 0.01


def test_every_figure_has_a_row_and_every_assumption_a_line(comparison: Comparison) -> None:
    frame = table(comparison)
    assert len(frame) == len(comparison.rows) + 1
    assert frame["figure"].is_unique
    missed = [row for row in comparison.rows if row.met is False]
    assert frame["check"].str.startswith("off ").sum() == len(missed)
    names = [line.split(":")[0] for line in remarks(comparison)]
    assert names[3:] == list(plain(comparison)["assumptions"])


@pytest.mark.proof
def test_the_golden_table_and_the_docs(pytestconfig: pytest.Config) -> None:
    done = CliRunner().invoke(app, ["replay", "airnet", "--format", "md"])
    assert done.exit_code == 0, done.output
    if pytestconfig.getoption("--regenerate-golden"):
        GOLDEN.write_text(done.output)
    assert done.output == GOLDEN.read_text()
    rows = [line for line in done.output.splitlines() if line.startswith("|")]
    assert "\n".join(rows) in (ROOT / "docs" / "replay.md").read_text()


def test_the_readme_s_rows_are_of_the_golden_table() -> None:
    """It shows some of them, without the last column."""
    whole = [row[:4] for row in _cells(GOLDEN.read_text())]
    _, head, below = (ROOT / "README.md").read_text().partition("| figure | published |")
    shown = _cells(head + below.partition("\n\n")[0])
    assert len(shown) >= 5
    assert [row for row in shown if row not in whole] == []


def _cells(table: str) -> list[list[str]]:
    rows = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_other_formats(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nas.replay.compare", lambda seed, seeds: comparison)
    run = CliRunner()
    shown = run.invoke(app, ["replay", "--format", "csv"])
    figures = [row["figure"] for row in csv.DictReader(io.StringIO(shown.output))]
    messages = json.loads(run.invoke(app, ["replay", "airnet", "--json"]).output)
    assert [row["figure"] for row in messages["rows"]] == figures[:-1]
    for form in ("table", "csv", "json", "md"):
        wide = {"COLUMNS": "140"}
        screen = run.invoke(app, ["replay", "-f", form], env=wide)
        assert screen.exit_code == 0, screen.output
        file = tmp_path / form
        assert run.invoke(app, ["replay", "-f", form, "-o", str(file)], env=wide).output == ""
        assert "ShuffleNet: attempts" in file.read_text()
        assert "ShuffleNet: attempts" in screen.output


@pytest.mark.parametrize(
    "wrong", [["imagenet"], ["--seeds", "0"], ["--seed", "-1"], ["--format", "xml"]]
)
def test_bad_input_is_a_usage_error(wrong: list[str]) -> None:
    done = CliRunner().invoke(app, ["replay", *wrong])
    assert done.exit_code == 2
    assert "Invalid value" in done.output
