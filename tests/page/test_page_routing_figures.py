"""Adjusted effects of arms' settings and their routing, as SVG and PDF files."""

import re
from pathlib import Path

from arm_maker import draw
from ledger_maker import Maker
from routing_ledger import LABELS, SPACE, campaign

from nas.report.figures import figures
from nas.report.page import page_data
from nas.report.page.routing import short_name
from nas.schema import Outcome, Status


def test_they_are_written_as_files(tmp_path: Path) -> None:
    data = page_data(campaign(tmp_path / "runs.db").ledger)
    made = dict(figures(data, tmp_path))
    names = ("arm_effects", "routing", "routing_epochs")
    assert set(names) <= made.keys()
    texts = {
        name: re.findall(r"<text[^>]*>(.*?)</text>", (tmp_path / f"{name}.svg").read_text())
        for name in names
    }
    assert "moe: z 0.0 → 0.2" in texts["arm_effects"]
    assert [text for text in texts["routing"] if text.startswith("moe(")] == [
        short_name(label) for label in LABELS
    ]
    assert [text for text in texts["routing"] if text.endswith("dead")] == ["0.5 dead"]
    panels = [text for text in texts["routing_epochs"] if text.startswith("moe(")]
    assert panels == [short_name(label) for label in LABELS]
    assert {"load entropy", "router entropy, training"} <= set(texts["routing_epochs"])


def test_effects_without_an_interval_are_no_figure(tmp_path: Path) -> None:
    one = {"moe": SPACE.arms["moe"][:2]}
    maker = Maker(tmp_path / "runs.db", space=SPACE.with_(arms=one, reference="moe"))
    for value, label in zip((0.5, 0.6), LABELS, strict=False):
        outcome = Outcome(status=Status.OK, epochs=2, val_acc=value, val_images=100)
        maker.finish(draw(maker, "moe", label), outcome)
    data = page_data(maker.ledger)
    assert data["sections"]["arm_effects"]["answer"] == "No setting’s effect has an interval."
    made = dict(figures(data, tmp_path))
    assert made["arm_effects"] == "No setting’s effect has an interval."
    assert "routing" not in made
