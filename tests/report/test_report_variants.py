"""Where candidates of an arm with several variants are named, people read the variant."""

import io
import json
from pathlib import Path

import pytest
from arm_maker import draw, run
from ledger_maker import Maker, epoch

from nas import table
from nas.campaign.retry import title
from nas.cli.output import rendered_analysis
from nas.cli.run_and_print import _print_tables
from nas.ledger import Ledger
from nas.ledger.summary import summary
from nas.report import Terminal, render
from nas.report.labels import with_labels
from nas.report.progress import Display, panel
from nas.report.show import details, shown
from nas.schema import Recipe, Role, Space, Variant

WITH, WITHOUT = "moe(experts=4,recipe.losses.z=0.001)", "moe(experts=4,recipe.losses.z=0)"
SPACE = Space(
    name="variants",
    template="pce",
    arms={
        "dense": (Variant(label="dense", settings={"experts": 1}),),
        "moe": (
            Variant(label=WITH, settings={"experts": 4}, recipe={"losses.z": 0.001}),
            Variant(label=WITHOUT, settings={"experts": 4}, recipe={"losses.z": 0}),
        ),
        "ramped": (
            Variant(label="ramped(lr=0.1)", recipe={"losses": {}, "lr": 0.1}),
            Variant(label="ramped(z)", recipe={"losses.z": [[0, 0], [1, 0.1]]}),
        ),
    },
    recipe=Recipe(epochs=2, losses={"diversity": 0.5}),
)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", space=SPACE, dataset="digits")


def text(renderable: object, width: int = 120) -> str:
    console = Terminal(file=io.StringIO(), width=width, no_color=True)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_messages_of_a_campaign(maker: Maker) -> None:
    assert title(draw(maker, "moe", WITH)) == f"#0 {WITH}"
    assert title(draw(maker, "moe", WITH, seed=1)) == f"replicate 0 {WITH}"
    assert title(draw(maker, "dense", "dense")) == "#1 dense"


def test_the_status_and_the_display(maker: Maker) -> None:
    run(maker, WITH, 0.4)
    run(maker, WITHOUT, 0.3)
    running = draw(maker, "moe", WITHOUT, seed=1, role=Role.REPLICATE)
    attempt = maker.start(running)
    found = summary(maker.ledger)
    assert found.best is not None
    assert (found.best.label, found.best.families) == (WITH, "moe")
    assert [(run.label, run.families) for run in found.running] == [(WITHOUT, "moe")]
    lines = text(panel(found)).splitlines()
    assert any(f"#0  {WITH}" in line for line in lines)
    assert any("replicate 0" in line and WITHOUT in line for line in lines)
    out = io.StringIO()
    maker.store.epoch(attempt, epoch(1, val_acc=0.25))
    with Display(Terminal(file=out, width=80), maker.ledger, "first", epochs=True) as display:
        display.on_tick()
    assert f"replicate 0 {WITHOUT}: epoch 1 of 2: val 25.00 %\n" in out.getvalue()


def test_of_families_the_label_is_their_names(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "families.db")
    leased = maker.trained("ant_s", "bee_s", val=0.5)
    best = summary(maker.ledger).best
    assert best is not None
    assert leased.candidate.label == best.label == "ant+bee"


def test_the_leaderboard(maker: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    run(maker, WITH, 0.4)
    run(maker, WITHOUT, 0.3)
    run(maker, "dense", 0.2)
    run(maker, WITH, 0.35, seed=1, role=Role.CONFIRM)
    board = table("leaderboard", maker.ledger)
    named = with_labels(board, SPACE)
    assert named["families"].tolist() == [WITH, WITHOUT, "dense"]
    assert "members" not in named
    document = rendered_analysis(board, "md", "best", "first", space=SPACE)
    assert isinstance(document, str)
    assert f"| #1 | {WITHOUT} |" in document.replace("\\", "")
    plain = rendered_analysis(board, "json", "best", "first", space=SPACE)
    assert plain == render(board, "json")
    assert [row["families"] for row in json.loads(str(plain))] == ["moe", "moe", "dense"]
    for confirmed, rows in ((False, ("#0", "#1", "#2")), (True, ("#0",))):
        capsys.readouterr()
        _print_tables(maker.ledger, "first", confirmed=confirmed)
        printed = capsys.readouterr().out
        assert WITH[:30] in printed  # a longer cell wraps
        assert tuple(n for n in ("#0", "#1", "#2") if n in printed) == rows


def test_tables_of_other_things_stay_as_they_are(maker: Maker) -> None:
    run(maker, WITH, 0.4)
    arms = table("arms", maker.ledger)
    assert with_labels(arms, SPACE) is arms
    board = table("leaderboard", maker.ledger)
    assert with_labels(board, None) is board
    families = SPACE.with_(arms={}, experts=None, choices=({"name": "mixing", "values": ("a",)},))
    assert with_labels(board, families) is board


def settings_of(found: dict[str, object]) -> str:
    [line] = [line for line in text(shown(found)).splitlines() if line.startswith("settings")]
    return line.removeprefix("settings").strip()


def test_show(maker: Maker) -> None:
    for label in (WITH, WITHOUT, "dense", "ramped(lr=0.1)", "ramped(z)"):
        run(maker, label, 0.4)
    found = [details(Ledger(maker.path), str(number)) for number in range(5)]
    heads = [text(shown(one)).splitlines()[0].strip() for one in found]
    assert heads[:3] == [f"#0 {WITH}", f"#1 {WITHOUT}", "#2 dense"]
    assert [settings_of(one) for one in found] == [
        "experts 4, recipe.losses.z 0.001",
        "experts 4, recipe.losses.z 0.0",
        "experts 1",
        # What one variant of the arm sets is a setting of the other too.
        "recipe.lr 0.1",
        "recipe.lr 0.001, recipe.losses.diversity 0.5, recipe.losses.z [[0.0, 0.0], [1.0, 0.1]]",
    ]
    assert found[0]["gate"] == {"experts": 4}  # as before: `variant_recipe` has the others
    assert [one["variant_recipe"] for one in found[:3]] == [
        {"losses.z": 0.001},
        {"losses.z": 0.0},
        {},
    ]
    assert json.loads(json.dumps(found)) == found
