"""Tables for people, and for scripts."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger_maker import SPACE
from tracked import tracked

from nas.ledger.screens import SCORES, put_screen
from nas.report import FORMATS, Terminal, render
from nas.report.cells import cell, header
from nas.schema import ProblemError, ScreenConfig

FRAME = pd.DataFrame(
    {
        "key": ["0123456789abcdef", "fedcba9876543210"],
        "families": ["ant+bee", "cat+dog"],
        "val_acc": [0.91234, np.nan],
        "lift_over_alone": [0.0123, -0.00001],
        "params": pd.array([84_549, None], dtype="Int64"),
        "seconds": [245.0, 3.0],
        "benched": [True, False],
        "at": pd.to_datetime(["2026-01-02 03:04:05", None], utc=True),
        "note": ["a|b", None],
    }
)


def printed(renderable: object, width: int = 200) -> str:
    console = Terminal(width=width, no_color=True, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_table_for_a_terminal() -> None:
    lines = printed(render(FRAME, "table", title="Which?", note="campaign c")).splitlines()
    assert lines[0].strip() == "Which?"
    assert lines[-1].strip() == "campaign c; 2 rows"
    heads = [line for line in lines if "key" in line]
    assert "families" in heads[0]
    first = next(line for line in lines if "01234567" in line)
    assert "89abcdef" not in first  # eight digits do
    for text in ("ant bee", "91.23", "+1.23", "84.5 k", "4m05s", "yes", "2026-01-02 03:04:05"):
        assert text in first
    second = next(line for line in lines if "fedcba98" in line)
    assert second.count("–") == 4  # four gaps
    assert "-0.00" not in second


def test_numbers_stand_right_and_text_left() -> None:
    lines = printed(render(FRAME, "table")).splitlines()
    first = next(line for line in lines if "01234567" in line)
    second = next(line for line in lines if "fedcba98" in line)
    assert first.index("ant") == second.index("cat")
    assert first.index("4m05s") + 5 == second.index("3s") + 2


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_gets_the_first_columns_and_is_reported(width: int) -> None:
    text = printed(render(FRAME, "table"), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "01234567" in text
    assert "note" not in text
    words = " ".join(text.split())
    assert "more columns with -f csv" in words
    assert "families" in words  # headers break between words only


ARMS = pd.DataFrame(
    {
        "arm": ["dense", "sparse"],
        "mean_val_acc": [0.9, 0.8],
        "val_acc_low": [0.85, 0.7],
        "val_acc_high": [0.95, 0.9],
        "difference": [np.nan, -0.1],
        "difference_low": [np.nan, -0.2],
        "difference_high": [np.nan, 0.0],
        "runs": [3, 4],
        "seconds": [1.0, 2.0],
    }
)


def test_what_an_analysis_must_show_follows_below_where_there_is_no_room() -> None:
    frame = ARMS.copy()
    frame.attrs["through"] = "runs"
    text = printed(render(frame, "table", title="Which?"), 46)
    assert all(len(line) <= 46 for line in text.splitlines())
    first, second = text.split("\n arm ")[1:]
    assert "[85.00, 95.00]" in first
    assert "-10.00" not in first
    for text_of in ("sparse", "-10.00", "[-20.00, +0.00]", "4"):
        assert text_of in second
    assert text.count("Which?") == 1
    assert " ".join(text.split()).endswith(
        "2 rows; 1 more column with -f csv, or on a wider terminal"
    )


@pytest.mark.parametrize("width", range(20, 100))
def test_no_value_stands_without_its_interval(width: int) -> None:
    for through in ("", "difference", "seconds"):
        frame = ARMS.copy()
        frame.attrs["through"] = through
        text = printed(render(frame, "table"), width)
        assert ("-10.00" in text) <= ("[-20.00," in text) or through == "difference"
        if through == "seconds":
            assert all(name in text for name in ("sparse", "-10.00", "[-20.00,", "runs"))


def test_a_table_fills_the_terminal_to_its_last_column() -> None:
    """Two columns of 30 and 44 characters, 3 between them, 2 at the edges and 1 of rich's."""
    table = pd.DataFrame({"a": ["x" * 30], "b": [int("9" * 33)]})
    assert "more column" not in printed(render(table, "table"), 79)
    lines = printed(render(table, "table"), 79).splitlines()
    needed = max(map(len, lines))
    assert "more column" not in printed(render(table, "table"), needed)
    assert "1 more column" in printed(render(table, "table"), needed - 1)


def test_words_wrap_before_a_column_is_left_out() -> None:
    words = "convnext efficientnet mambaout"  # 30 characters; of 20, two lines
    table = pd.DataFrame({"families": [words], "model": ["0123456789abcdef"], "n": [12345678]})
    assert words in printed(render(table, "table"), 80)
    narrow = printed(render(table, "table"), 56)
    assert "12,345,678" in narrow
    assert "more column" not in narrow
    assert words not in narrow
    assert all(word in narrow for word in (*words.split(), "0123456789abcdef"))


def test_a_limit_is_for_terminals_and_reported() -> None:
    assert "1 of 2 rows" in printed(render(FRAME, "table", limit=1))
    assert "fedcba98" in str(render(FRAME, "md", limit=1))
    assert "fedcba98" in str(render(FRAME, "csv", limit=1))
    assert "60 of 200 rows" in printed(render(pd.concat([FRAME] * 100), "table"))


def test_csv_is_the_frame_itself() -> None:
    rows = list(csv.DictReader(io.StringIO(str(render(FRAME, "csv", title="no title here")))))
    assert list(rows[0]) == list(FRAME.columns)
    assert rows[0]["val_acc"] == "0.91234"
    assert rows[0]["key"] == "0123456789abcdef"
    assert rows[1]["val_acc"] == ""


def test_json_is_plain_records_with_nulls() -> None:
    rows = json.loads(str(render(FRAME, "json")))
    assert rows[0] == {
        "key": "0123456789abcdef",
        "families": "ant+bee",
        "val_acc": 0.91234,
        "lift_over_alone": 0.0123,
        "params": 84549,
        "seconds": 245.0,
        "benched": True,
        "at": "2026-01-02T03:04:05.000000Z",
        "note": "a|b",
    }
    assert [rows[1][name] for name in ("val_acc", "params", "at", "note")] == [None] * 4


def test_markdown() -> None:
    lines = str(render(FRAME, "md", title="Which?", note="campaign c")).splitlines()
    assert lines[0] == "## Which?"
    assert lines[2].startswith("| key | families | val % | test vs alone pt |")
    assert lines[3] == "| --- | --- | ---: | ---: | ---: | ---: | --- | --- | --- |"
    assert lines[4].endswith(r"| a\|b |")
    assert lines[-1] == "campaign c; 2 rows"


EFFECTS = pd.DataFrame(
    {
        "family": ["a_b", "cat"],
        "success_rate": [0.5, 1.0],
        "effect": [0.01, -0.02],
        "effect_low": [0.0, np.nan],
        "effect_high": [0.02, np.nan],
        "device_hours_per_success": [1.0, 2.0],
        "reason": ["", None],
        "benched": [False, False],
        "success_low": [0.25, 0.75],
        "success_high": [0.75, 1.0],
        "never": [np.nan, np.nan],
    }
)


def test_an_interval_is_one_column_and_an_empty_one_none() -> None:
    lines = str(render(EFFECTS, "md")).splitlines()
    assert lines[0] == (
        "| family | success % | effect pt | 95 % CI | device hours per success |"
        " 95 % CI, success % |"
    )
    assert lines[2] == r"| a_b | 50.00 | +1.00 | \[+0.00, +2.00\] | 1.00 | \[25.00, 75.00\] |"
    assert lines[3] == r"| cat | 100.00 | -2.00 | – | 2.00 | \[75.00, 100.00\] |"
    assert lines[-1] == "2 rows; 3 empty columns left out"
    rows = list(csv.DictReader(io.StringIO(str(render(EFFECTS, "csv")))))
    assert list(rows[0]) == list(EFFECTS.columns)  # a program gets all


def test_one_end_of_an_interval_is_a_column() -> None:
    frame = pd.DataFrame({"success_low": [0.5], "low": [0.25]})
    assert str(render(frame, "md")).startswith("| success low % | low % |")


@pytest.mark.parametrize("width", [80, 200])
def test_a_header_takes_two_lines_at_most(width: int) -> None:
    lines = printed(render(EFFECTS, "table"), width).splitlines()
    assert next(n for n, line in enumerate(lines) if "───" in line) <= 3
    assert lines[0].strip() == ""


def test_latex() -> None:
    frame = pd.DataFrame({"family": ["a_b & c%", "{x}~^\\$#"], "val_acc": [0.5, np.nan]})
    assert str(render(frame, "latex", title="Which?", note="campaign c")) == (
        "% Which?\n"
        "\\begin{tabular}{lr}\n"
        "\\toprule\n"
        "family & val \\% \\\\\n"
        "\\midrule\n"
        "a\\_b \\& c\\% & 50.00 \\\\\n"
        "\\{x\\}\\textasciitilde{}\\textasciicircum{}\\textbackslash{}\\$\\# & – \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "% campaign c; 2 rows\n"
    )


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_frame(format: str) -> None:
    text = printed(render(FRAME.head(0), format))
    assert "0 rows" in text or format in ("csv", "json")
    if format == "json":
        assert json.loads(text) == []
    if format == "table":  # and no header over nothing
        assert text == "0 rows\n"


def test_an_unknown_format() -> None:
    with pytest.raises(ProblemError, match="no format 'yaml'") as caught:
        render(FRAME, "yaml")
    assert "choose from csv, json, latex, md, table" in caught.value.problem.fix


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("success_rate", 0.5, "50.00"),
        ("usage", 0.25, "25.00"),
        ("confirm_sd", 0.0141, "1.41"),
        ("synergy", -0.02, "-2.00"),
        ("macs", 8.46e9, "8.46 G"),
        ("params", 999, "999"),
        ("params", 1000, "1.00 k"),
        ("params", 999_950, "1.00 M"),
        ("memory_bytes", 3 * 2**29, "1.50 GiB"),
        ("seconds_per_success", 3725.0, "1h02m"),
        ("draws", 1146, "1,146"),
        ("lr", 0.001, "0.00100"),
        ("members", "a_s+b_s", "a_s b_s"),
        ("members", 3, "3"),
        ("mean", None, "–"),
    ],
)
def test_cells(column: str, value: object, text: str) -> None:
    assert cell(column, value) == text


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("val_acc", "val %"),
        ("val_se", "val se pt"),
        ("lift_over_uniform", "test vs uniform pt"),
        ("mean_val_acc", "mean val %"),
        ("seconds_per_success", "time per success"),
        ("peak_memory_bytes", "peak memory"),
        ("gate_mixing", "mixing"),
        ("change_val_acc", "change val pt"),
        ("change_loss_gap", "change loss gap"),
        ("drop_rate", "drop %"),
        ("cap_ratio", "cap ratio"),
        ("gap_domain", "gap domain pt"),
        ("gap_any", "gap any pt"),
        ("specialisation", "specialisation pt"),
        ("gain_worst", "gain worst pt"),
        ("right_rate", "right %"),
        ("largest_rate", "largest %"),
        ("sent_share", "sent share %"),
        ("least_share", "least share %"),
        ("last_entropy", "last entropy"),
        ("draws", "draws"),
    ],
)
def test_headers(column: str, text: str) -> None:
    assert header(column) == text


WITHOUT_FAMILIES = (
    *("failures", "failing", "diagnose"),
    *("arm_effects", "arms", "heads", "pce", "pce_latency", "pce_routing"),
    *("growth", "growth_events", "hot_plug", "routing", "routing_matrix"),
    *("curvature", "prune_regrow"),
)
"""Reports that are empty here."""


def test_every_shipped_report_renders_in_every_format(maker: object, tmp_path: Path) -> None:
    import nas
    from nas.results import question, tables

    maker.trained("ant_s", "bee_s", val=0.9, inside=(0.8, 0.7))  # type: ignore[attr-defined]
    row = {"families": "ant+bee", "members": "ant_s+bee_s", **dict.fromkeys(SCORES), "uniform": 1}
    sizes = {"total": 1, "val_images": 9, "test_images": 9, "seconds": 1.0}
    put_screen(maker.ledger, SPACE, ScreenConfig(), [], [row], **sizes)  # type: ignore[attr-defined]
    ledger = nas.Ledger(tmp_path / "runs.db")
    for name, path in tables().items():
        if not tracked([path]):
            continue
        if name in (
            "screening",
            "screen_corrected",
        ):  # of campaigns drawn from a screen: see test_analyse_screening
            continue
        for format in FORMATS:
            text = printed(render(nas.table(name, ledger), format, title=question(name)), 100)
            assert "ant" in text or format == "table" or name in WITHOUT_FAMILIES


def test_what_is_in_brackets_is_no_markup() -> None:
    """CUDA's messages are full of it."""
    frame = pd.DataFrame({"message": ["unexpected [/red] at [x]", "[/pytorch/x.cpp:123]"]})
    console = Terminal(width=80, file=io.StringIO())
    console.print(render(frame, "table"))
    assert "unexpected [/red] at [x]" in console.file.getvalue()
    assert "[/pytorch/x.cpp:123]" in console.file.getvalue()


def test_records_with_a_name_that_is_not_unicode_and_a_gap() -> None:
    rows = [{"file": "a\udcff", "size": 1}, {"file": "b"}]
    assert render(rows, "csv") == '"file","size"\n"a\\udcff",1\n"b",""\n'
