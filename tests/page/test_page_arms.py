"""The page of a campaign that compares arms."""

from pathlib import Path
from typing import Any

from arm_maker import draw
from ledger_maker import Maker

from nas.report.figures import figures
from nas.report.page import page_data
from nas.schema import Outcome, Space, Status, Variant

ARMS = {"dense": (0.70, 0.71, 0.72), "soft": (0.80, 0.81, 0.82), "sparse": (0.70, 0.60, 0.80)}


def campaign(path: Path, arms: dict[str, tuple[float, ...]]) -> Maker:
    space = Space(
        name="arms",
        template="heads",
        arms={arm: (Variant(label=arm, settings={"head": arm}),) for arm in ARMS},
        replicates=3,
    )
    maker = Maker(path, space=space, dataset="digits")
    for arm, values in arms.items():
        for seed, value in enumerate(values):
            leased = draw(maker, arm, arm, seed=seed)
            maker.finish(leased, Outcome(status=Status.OK, val_acc=value, val_images=100))
    return maker


def test_arms_are_the_answer_and_families_have_no_sections(tmp_path: Path) -> None:
    sections = page_data(campaign(tmp_path / "runs.db", ARMS).ledger)["sections"]
    assert not any("problem" in section for section in sections.values() if section)
    assert {name for name in ("together", "families", "pairs") if sections[name]} == set()
    arms = sections["arms"]
    assert arms["answer"] == (
        "In percentage points of validation accuracy, better than dense: soft (+10.0)."
    )
    effects = arms["effects"]["values"]
    assert effects["family"] == ["soft", "sparse"]
    assert effects["draws"] == [3, 3]
    assert effects["effect_low"][0] > 0 > effects["effect_low"][1]
    assert arms["table"]["values"]["arm"] == list(ARMS)


def test_two_runs_of_an_arm_are_too_few(tmp_path: Path) -> None:
    few = {arm: values[:2] for arm, values in ARMS.items()}
    arms = page_data(campaign(tmp_path / "runs.db", few).ledger)["sections"]["arms"]
    assert arms["answer"] == "No arm’s effect can be estimated yet."
    assert arms["effects"]["rows"] == 0
    assert arms["table"]["rows"] == 3


def test_families_have_no_arms(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db")
    maker.trained("ant_s", "bee_s", val=0.9)
    assert page_data(maker.ledger)["sections"]["arms"] is None


def test_the_figure_of_arms_is_written_and_those_of_families_are_not(tmp_path: Path) -> None:
    data = page_data(campaign(tmp_path / "runs.db", ARMS).ledger)
    made = dict(figures(data, tmp_path))
    assert {"arms", "coverage"} <= made.keys()
    assert not {"effects", "synergies", "pairs"} & made.keys()
    svg = (tmp_path / "arms.svg").read_text()
    assert "soft" in svg
    assert "against dense, percentage points" in svg


def test_columns_of_families_are_named_for_arms(tmp_path: Path) -> None:
    def titles(data: dict[str, Any], section: str, name: str) -> list[str]:
        return [column["title"] for column in data["sections"][section][name]["columns"]]

    data = page_data(campaign(tmp_path / "runs.db", ARMS).ledger)
    assert titles(data, "coverage", "draws")[0] == "Arm"
    assert titles(data, "failures", "who")[2] == "Arm"
    assert {"Arm", "Variant"} <= set(titles(data, "failures", "latest"))
    families = page_data(Maker(tmp_path / "other.db").ledger)
    assert titles(families, "coverage", "draws")[0] == "Family"
