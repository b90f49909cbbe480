"""Figures of instruments as text for people."""

import pandas as pd
import pytest

from nas.diagnose.explaining import OTHER_WORK, explained
from nas.report.findings import cautions, findings, for_people, value_text


@pytest.mark.parametrize(
    ("instrument", "figure", "value", "title", "text"),
    [
        ("oracle", "val.acc", 0.8743, "accuracy of the model, val", "87.43 %"),
        ("oracle", "test.oracle", 0.9, "oracle: any expert right, test", "90.00 %"),
        (
            *("oracle", "val.gap_interval", [0.0076, 0.0359]),
            *("95 % interval of what is lost, val", "[+0.76, +3.59] points"),
        ),
        (
            *("drift", "unguarded.points", -0.2786),
            *("change of the model's validation accuracy, unguarded", "-0.28 points"),
        ),
        (
            *("latency", "batch_1.quartiles_ms", [1.0, 2.0, 3.0]),
            *("time, batch of 1: quartiles", "1.00 / 2.00 / 3.00 ms"),
        ),
        ("latency", "threads", 1.0, "threads of the process", "1"),
        ("curvature", "train.converged", 1.0, "eigenvalues precise enough, train", "yes"),
        ("curvature", "train.converged", 0.0, "eigenvalues precise enough, train", "no"),
        (
            *("routing", "val.gate.expert_shares", [0.25, 0.75]),
            *("share of the work, by expert, gate, val", "25.00, 75.00 %"),
        ),
        (
            *("surface", "train.random_losses", [0.5] * 20 + [1.5]),
            *("loss along the random direction, train", "21 values from 0.500 to 1.50 nats"),
        ),
        ("somebody's", "x.y", 0.5, "x.y", "0.500"),
    ],
)
def test_titles_and_values(
    instrument: str, figure: str, value: float | list[float], title: str, text: str
) -> None:
    meaning = explained(instrument, figure)
    assert (meaning.title, value_text(meaning, value).strip()) == (title, text)


def test_headlines_come_alone_and_the_rest_is_counted() -> None:
    figures = {"val.acc": 0.5, "test.acc": 0.6, "test.matrix_0": [0.5, 0.5], "test.gap": 0.1}
    rows = list(findings("oracle", figures))
    assert [row["value"] for row in rows] == [
        *("60.00 %", "+10.00 points", "nas report diagnose -f csv")
    ]
    assert rows[-1]["figure"] == "2 more"


def test_a_busy_machine_is_a_caution() -> None:
    [line] = cautions("latency", {OTHER_WORK: 0.43, "batch_1.quartiles_ms": [1.0, 2.0, 3.0]})
    assert line.startswith("CPUs used by other programs meanwhile 43.00 % (times are too long")
    assert not list(cautions("latency", {OTHER_WORK: 0.02}))


def test_the_table_for_people() -> None:
    names = ["val.acc", "test.acc", None]
    table = pd.DataFrame(
        {
            "key": ["a", "a", "b"],
            "instrument": "oracle",
            "figure": pd.Series(names, dtype="object"),
            "title": ["accuracy of the model, val", "accuracy of the model, test", None],
            "finding": ["0.25", "0.5", "the model does not route"],
            "value": [0.25, 0.5, None],
            "unit": ["share", "share", None],
        }
    )
    shown = for_people(table, every=False)
    assert list(shown.columns) == ["key", "instrument", "figure", "finding"]
    assert shown["finding"].tolist() == ["50.00 %", "does not apply: the model does not route"]
    assert shown.attrs["note"] == "headlines; all 3 figures with -f csv"
    assert len(for_people(table, every=True)) == 3
    other = pd.DataFrame({"figure": [1]})
    assert for_people(other, every=False) is other
