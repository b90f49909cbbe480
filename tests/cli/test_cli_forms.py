"""One way to choose a form, to say more or less, and to plan from members' profiles."""

import csv
import io
import json
from pathlib import Path

import pytest
from ledger_maker import Maker
from real_nas import inside, nas_inside

from nas.cli import profiles
from nas.results.power import ProfiledTime
from nas.schema import (
    ExpertAxis,
    Member,
    MemberProfile,
    Outcome,
    ProblemError,
    Recipe,
    Space,
    Status,
)

COMMANDS = (
    ["list"],
    ["status"],
    ["report"],
    ["report", "leaderboard"],
    ["show", "0"],
    ["compare", "first", "first"],
    ["spaces"],
    ["data"],
    ["trust"],
    ["plan", "--trials", "9"],
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forms")
    maker = Maker(folder / "runs.db", dataset="digits")
    for value in (0.5, 0.6, 0.7):
        maker.trained("ant_s", "bee_s", val=value, replicate=round(10 * value))
    maker.store.release_all()
    maker.ledger.close()
    (folder / "templates").mkdir()
    (folder / "templates" / "mine.py.j2").write_text("")
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_form(words: list[str], place: Path) -> None:
    assert nas_inside(*words, cwd=place).strip()
    data = json.loads(nas_inside(*words, "--json", cwd=place))
    assert json.loads(nas_inside(*words, "-f", "json", cwd=place)).__class__ is data.__class__
    rows = list(csv.reader(io.StringIO(nas_inside(*words, "-f", "csv", cwd=place))))
    assert len({len(row) for row in rows}) == 1
    assert "| --- |" in nas_inside(*words, "--format", "md", cwd=place).replace("---:", "---")
    assert r"\begin{tabular}" in nas_inside(*words, "-f", "latex", cwd=place)


def test_a_new_space_is_reported_in_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[object] = []

    def made(name: str, image_size: int, *_: object, **__: object) -> Space:
        sizes.append(image_size)
        return PAIR.with_(name=name)

    monkeypatch.setattr("nas.campaign.new_space.new_space", made)
    assert json.loads(nas_inside("new", "one", "--json", cwd=tmp_path)) == {
        "space": "one",
        "file": "search_spaces/one.yaml",
        "families": 2,
        "members": 3,
    }
    assert "2 families, 3 members" in nas_inside("new", "two", cwd=tmp_path)
    nas_inside("new", "alias", "--img-size", "32", cwd=tmp_path)
    assert sizes == [64, 64, 32]
    shown = nas_inside("spaces", "--new", "three", "-f", "csv", cwd=tmp_path)
    assert list(csv.reader(io.StringIO(shown))) == [
        ["space", "file", "families", "members"],
        ["three", "search_spaces/three.yaml", "2", "3"],
    ]


def test_a_download_is_reported_in_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "tiny-imagenet-200"

    def fetch(*_: object) -> None:
        print("downloading")  # noqa: T201
        image = folder / "train" / "n01443537" / "images" / "a.JPEG"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(b"x" * 10)
        (folder / "val" / "images").mkdir(parents=True, exist_ok=True)
        (folder / "val" / "val_annotations.txt").write_bytes(b"x" * 5)

    monkeypatch.setattr("nas.data.sources.tiny_imagenet.TinyImageNet.download", fetch)
    done = inside("data", "get", "tiny-imagenet", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"data_set": "tiny-imagenet", "path": "data", "bytes": 15}
    assert done.stderr == "downloading\n"
    shown = nas_inside("data", "get", "tiny-imagenet", cwd=tmp_path)
    assert "tiny-imagenet is in data: 0.0 MB" in shown
    done = inside("data", "--json", "get", "tiny-imagenet", cwd=tmp_path)
    assert (done.returncode, "write --json after `get`" in done.stderr) == (2, True)
    done = inside("data", "get", "cifar11", cwd=tmp_path)
    assert (done.returncode, "did you mean cifar10" in done.stderr) == (2, True)


def test_a_dashboard_tells_a_program_where_it_is(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.report.dashboard.Dashboard.serve_forever", lambda _: None)
    monkeypatch.setattr("os.nice", lambda _: 0)
    found = json.loads(nas_inside("dashboard", "--port", "0", "--json", cwd=place))
    assert found["campaign"] == "first"
    assert found["url"].startswith("http://127.0.0.1:")
    assert "(Ctrl-C ends it)" in nas_inside("dashboard", "--port", "0", cwd=place)


@pytest.mark.parametrize(
    "words",
    [["list"], ["spaces"], ["families"], ["compare", "first", "first"]],
    ids=" ".join,
)
def test_two_forms_at_once_are_refused_before_any_work(
    words: list[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: object, **__: object) -> None:
        raise AssertionError("it began to work")

    for work in (
        "nas.ledger.campaign_list.campaign_lines",
        "nas.space.available",
        "nas.cli.families.member_profiles",
        "nas.results.comparison.compare",
    ):
        monkeypatch.setattr(work, unwanted)
    done = inside(*words, "--json", "-f", "csv", cwd=place)
    assert done.returncode == 2
    assert "--json contradicts -f csv" in done.stderr


def test_the_list_of_tables_is_a_line_each_for_a_program(place: Path) -> None:
    rows = json.loads(nas_inside("report", "--json", cwd=place))
    lines = nas_inside("report", cwd=place).splitlines()
    assert [line.split()[0] for line in lines] == [row["table"] for row in rows]
    assert all(line.endswith(row["question"]) for line, row in zip(lines, rows, strict=True))
    nas_inside("report", "-o", "tables.txt", cwd=place)
    assert (place / "tables.txt").read_text().splitlines() == lines


@pytest.mark.parametrize(
    "words", [["report"], ["report", "leaderboard"], ["compare", "first", "first"]]
)
@pytest.mark.parametrize(
    ("name", "form"),
    [("a.json", "json"), ("a.CSV", "csv"), ("a.md", "md"), ("a.tex", "latex"), ("a.txt", "table")],
)
def test_a_file_s_name_says_its_form(words: list[str], name: str, form: str, place: Path) -> None:
    nas_inside(*words, "-f", form, "-o", "named", cwd=place)
    nas_inside(*words, "-o", name, cwd=place)
    assert (place / name).read_bytes() == (place / "named").read_bytes()


def test_a_form_that_is_named_outdoes_the_file_s_name(place: Path) -> None:
    nas_inside("report", "leaderboard", "-f", "json", "-o", "named.csv", cwd=place)
    assert json.loads((place / "named.csv").read_text())


def test_a_path_is_not_broken_by_a_terminal_s_width(place: Path) -> None:
    folder = "a" * 90
    shown = nas_inside("export", "0", "-o", folder, "--code-only", cwd=place)
    assert f"{folder}/model.py" in shown.splitlines()


def test_an_error_has_a_traceback_where_one_wants_it(tmp_path: Path) -> None:
    assert "Traceback" not in inside("status", cwd=tmp_path).stderr
    assert "Traceback" in inside("status", "-v", cwd=tmp_path).stderr
    assert "Traceback" not in inside("status", cwd=tmp_path).stderr  # the next is not verbose
    assert inside("status", "-q", "-v", cwd=tmp_path).returncode == 2


def test_a_campaign_is_given_alike_everywhere(place: Path) -> None:
    for words in (["resume"], ["confirm"], ["status"], ["report", "failures"], ["show", "0"]):
        done = inside(*words, "-c", "nonesuch", cwd=place)
        assert (done.returncode, "no campaign is named 'nonesuch'" in done.stderr) == (2, True)
    done = inside("resume", "nonesuch", cwd=place)  # as it could be typed before
    assert "no campaign is named 'nonesuch'" in done.stderr
    done = inside("resume", "first", "-c", "second", cwd=place)
    assert (done.returncode, "--campaign" in done.stderr) == (2, True)


PAIR = Space(
    name="pair",
    experts=ExpertAxis(
        k=2, families={"ant": (Member(model="a"),), "bee": (Member(model="b"), Member(model="c"))}
    ),
    recipe=Recipe(epochs=3),
)
PROFILES = {
    model: MemberProfile(member=Member(model=model), ok=ok, seconds=seconds, batch=32)
    for model, seconds, ok in (("a", 0.32, True), ("b", 0.64, True), ("c", 1.28, True))
}


def test_the_time_of_a_candidate_by_hand() -> None:
    # 100 images, 3 epochs: 300 images. a: 0.01 s an image, 3 s; b: 6 s; c: 12 s; bee: 9 s on
    # average. Two families of average (3 + 9) / 2: 12 s a candidate; controls 3 + 6 + 12 = 21 s.
    found = ProfiledTime.of(PAIR, PROFILES, 100, parallel=2)
    assert found.candidate == pytest.approx(12)
    assert found.controls == pytest.approx(21)
    assert found.trials(60.0) == 8  # (2 × 60 − 21) / 12 = 8.25
    assert found.trials(1.0) == 1
    broken = {model: profile.with_(ok=False) for model, profile in PROFILES.items()}
    with pytest.raises(ProblemError, match="no member of pair can be profiled"):
        ProfiledTime.of(PAIR, broken, 100, parallel=2)


def test_a_budget_is_planned_before_there_is_a_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.space import load

    space = load("tiny")
    taken = {
        member.model: MemberProfile(member=member, ok=True, seconds=0.32, batch=32)
        for _, member in space.members
    }
    monkeypatch.setattr(profiles, "member_profiles", lambda *_: (space, taken))
    shown = nas_inside("plan", "--budget", "1h", "-w", "2", cwd=tmp_path)
    assert "By its members' profiles" in shown
    found = json.loads(nas_inside("plan", "--budget", "1h", "-w", "2", "--json", cwd=tmp_path))
    k = space.experts.k if space.experts else 0
    seconds = k * space.recipe.epochs * 1797 * 0.01  # of the digits
    assert found["candidate_seconds"] == pytest.approx(seconds)


def test_show_prints_tracebacks_with_v(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db")
    leased = maker.draw("ant_s", "bee_s")
    end = Outcome(status=Status.CRASH, stage="train", message="boom", detail="File x\nValueError")
    maker.finish(leased, end)
    maker.store.release_all()
    assert "File x\nValueError" in nas_inside("show", "0", "-v", cwd=tmp_path)
    plain = nas_inside("show", "0", cwd=tmp_path)
    assert "boom" in plain
    assert "File x" not in plain


def test_why_a_table_is_empty_is_no_part_of_its_data(place: Path) -> None:
    done = inside("report", "growth", "--json", cwd=place)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert "This is about arms, and the space" in done.stderr
    assert "This is about arms" in nas_inside("report", "growth", "-f", "md", cwd=place)
