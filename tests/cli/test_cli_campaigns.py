"""`nas list`, `nas rm`, `nas compare`."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_maker import SPACE, Maker
from real_nas import inside, nas_inside
from sqlalchemy import select, update

from nas.campaign import run as running
from nas.cli.console import console
from nas.ledger import CampaignStore, Ledger, Owner
from nas.ledger.drivers import ELSEWHERE_SECONDS, at_work, is_running
from nas.ledger.models import DRIVER_MARK, Event
from nas.ledger.removal import remove_campaign
from nas.schema import Choice, Member, ProblemError, Role, SearchConfig, Space, Variant

CONFIG = {"dataset": "digits", "split_seed": 0, "hold_out": 0.0}


def campaign(folder: Path, name: str, *values: float, **config: object) -> Maker:
    """A campaign of the same candidates, in the same order, with these accuracies."""
    maker = Maker(folder / "runs.db", name=name, **{**CONFIG, **config})
    points = [(pair, mixing) for pair in PAIRS for mixing in ("soft", "top1")]
    for (pair, mixing), value in zip(points, values, strict=False):
        maker.trained(*pair, val=value, test=value - 0.01, mixing=mixing)
    maker.store.release_all()
    return maker


PAIRS = [("ant_s", "bee_s"), ("ant_s", "cat_s"), ("bee_m", "dog_s")]


@pytest.fixture
def two(tmp_path: Path) -> Path:
    # b is 1, 2 and 3 points better; a has one more candidate.
    campaign(tmp_path, "a", 0.50, 0.60, 0.70, 0.90).ledger.close()
    campaign(tmp_path, "b", 0.51, 0.62, 0.73, seed=1).ledger.close()
    return tmp_path


def test_list(two: Path) -> None:
    shown = nas_inside("list", cwd=two)
    assert shown.index("\n b ") < shown.index("\n a ")
    rows = json.loads(nas_inside("list", "--json", cwd=two))
    assert [(row["campaign"], row["candidates"], row["best_val_acc"]) for row in rows] == [
        ("b", 3, 0.73),
        ("a", 4, 0.9),
    ]
    assert all(row["state"] == "interrupted" for row in rows)
    assert "90.00" in shown


def test_list_counts_what_lies_on_the_disk(tmp_path: Path) -> None:
    maker = campaign(tmp_path, "a", 0.5)
    leased = maker.draw("ant_s", "bee_s", replicate=1)
    attempt = maker.start(leased)
    folder = maker.ledger.attempt_folder(maker.campaign, leased.candidate.key, attempt)
    (folder / "checkpoint.pt").write_bytes(b"x" * 1000)
    maker.ledger.close()
    (row,) = json.loads(nas_inside("list", "--json", cwd=tmp_path))
    assert row["disk_bytes"] == 1000


def test_list_of_nothing(tmp_path: Path) -> None:
    Ledger(tmp_path / "runs.db", read_only=False).close()
    assert "No campaign" in nas_inside("list", cwd=tmp_path)
    assert json.loads(nas_inside("list", "--json", cwd=tmp_path)) == []


def test_compare_by_hand(two: Path) -> None:
    found = json.loads(nas_inside("compare", "a", "b", "--json", cwd=two))
    rows = {(row["what"], row["on"]): row for row in found["rows"]}
    pairs = rows["pairs", "val"]
    # Differences −1, −2, −3 points: mean −2, half an interval t(2) / √3 = 2.48414 points.
    assert pairs["difference"] == pytest.approx(-0.02)
    assert pairs["difference_low"] == pytest.approx(-0.02 - 0.0248414, abs=1e-6)
    assert pairs["difference_high"] == pytest.approx(-0.02 + 0.0248414, abs=1e-6)
    assert (pairs["n_a"], pairs["n_b"]) == (3, 3)
    every = rows["all", "test"]
    assert every["a_acc"] == pytest.approx(0.665)
    assert (every["n_a"], every["n_b"]) == (4, 3)
    best = rows["best", "val"]
    assert best["difference"] == pytest.approx(0.17)
    assert best["difference_low"] is None
    assert found["differ"] == ["seed: 0 against 1"]
    assert found["not_paired"] is None


def test_tables_fit_a_narrow_terminal_and_have_nothing_empty(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Ledger(two / "runs.db").files
    (files / "1" / "weights").write_bytes(b"w" * 1_500_000)
    with monkeypatch.context() as terminal:
        for name, value in (("force_terminal", True), ("color_system", None), ("width", 80)):
            terminal.setattr(console, f"_{name}", value)
        for words in (["list"], ["report"], ["report", "failures"], ["show", "0"]):
            done = inside(*words, cwd=two)
            assert max(map(len, done.stdout.splitlines())) <= 80
    assert "1.5 MB" in nas_inside("list", cwd=two)
    failures = nas_inside("report", "failures", cwd=two)
    assert "No attempt has failed." in failures
    assert "outcome" not in failures
    assert "message" not in nas_inside("show", "0", cwd=two)


def test_compare_for_a_person(two: Path) -> None:
    shown = nas_inside("compare", "a", "b", cwd=two)
    for words in ("a: a", "seed: 0 against 1", "-2.00", "[-4.48, +0.48]", "95 % CI"):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert r"\begin{tabular}" in nas_inside("compare", "a", "b", "-f", "latex", cwd=two)


def test_compare_says_what_it_counts(two: Path) -> None:
    assert "n counts candidates of the search;" in nas_inside("compare", "a", "b", cwd=two)


def test_compare_says_which_runs_it_leaves_out(tmp_path: Path) -> None:
    for name, replicates in (("a", 2), ("b", 0)):
        maker = Maker(tmp_path / "runs.db", name=name, dataset="digits", sampler="uniform")
        maker.trained("ant_s", "bee_s", val=0.5)
        for again in range(replicates):
            maker.trained("ant_s", "bee_s", val=0.6, replicate=again + 1, role=Role.REPLICATE)
        maker.ledger.close()
    shown = " ".join(nas_inside("compare", "a", "b", cwd=tmp_path).split())
    assert "n counts candidates of the search, not their 2 and 0 replicates" in shown
    found = json.loads(nas_inside("compare", "a", "b", "--json", cwd=tmp_path))
    assert found["replicates_left_out"] == [2, 0]
    assert {row["n_a"] for row in found["rows"]} == {1}
    assert "not their 2 and 0" in nas_inside("compare", "a", "b", "-f", "md", cwd=tmp_path)


def test_compare_says_in_words_what_differs(tmp_path: Path) -> None:
    bees = (Member(model="bee_s"), Member(model="bee_m", args={"img_size": 32}))
    assert SPACE.experts is not None
    families = {**SPACE.experts.families, "bee": bees}
    other = SPACE.with_(
        description="Another.",
        experts=SPACE.experts.with_(families=families),
        choices=(Choice(name="mixing", values=("soft", "top2")),),
    )
    campaign(tmp_path, "a", 0.5).ledger.close()
    maker = Maker(tmp_path / "runs.db", name="b", space=other, **CONFIG)
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.ledger.close()
    found = json.loads(nas_inside("compare", "a", "b", "--json", cwd=tmp_path))
    assert found["differ"] == [
        "experts.families.bee: bee_s, bee_m against bee_s, bee_m(img_size=32)",
        "choices.mixing: soft, top1 against soft, top2",
    ]


def test_compare_names_variants_of_arms(tmp_path: Path) -> None:
    arms = {
        "soft": (Variant(label="soft", settings={"head": "soft"}),),
        "sparse": (Variant(label="sparse", settings={"head": "sparse", "top_k": 2}),),
    }
    first = Space(name="first", template="heads", arms=arms)
    second = first.with_(name="second", arms={"soft": arms["soft"]})
    campaign(tmp_path, "a", 0.5).ledger.close()
    for name, space in (("b", first), ("c", second)):
        Maker(tmp_path / "runs.db", name=name, space=space, **CONFIG).ledger.close()
    [_, line] = json.loads(nas_inside("compare", "b", "c", "--json", cwd=tmp_path))["differ"]
    assert line == "arms.sparse: sparse: head=sparse, top_k=2 against none"
    assert "arms.soft" in nas_inside("compare", "a", "c", cwd=tmp_path)


def test_another_split_is_not_paired(tmp_path: Path) -> None:
    campaign(tmp_path, "a", 0.5, 0.6, 0.7).ledger.close()
    campaign(tmp_path, "b", 0.5, 0.6, 0.7, split_seed=1).ledger.close()
    found = json.loads(nas_inside("compare", "a", "b", "--json", cwd=tmp_path))
    assert {row["what"] for row in found["rows"]} == {"all", "best"}
    assert found["not_paired"] == "they have different data or another split"


def test_rm_asks_and_where_nobody_answers_removes_nothing(two: Path) -> None:
    done = inside("rm", "a", cwd=two)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert Ledger(two / "runs.db").campaign_names() == ["a", "b"]


def test_rm_removes_rows_and_files_and_no_others(two: Path) -> None:
    before = Ledger(two / "runs.db")
    keys = set(before.candidates("b")["key"])
    folders = {path.name for path in before.files.iterdir() if path.is_dir()}
    assert folders == {"1", "2"}
    assert "removed a: 4 candidates" in nas_inside("rm", "a", "--yes", cwd=two)
    after = Ledger(two / "runs.db")
    assert after.campaign_names() == ["b"]
    assert set(after.candidates()["key"]) == keys
    assert len(after.attempts()) == 3
    assert len(after.epochs()) == 6
    assert after.check() == []
    assert {path.name for path in after.files.iterdir() if path.is_dir()} == {"2"}
    done = inside("rm", "a", "--yes", cwd=two)
    assert (done.returncode, "no campaign is named 'a'" in done.stderr) == (2, True)


def test_rm_says_what_it_removed_in_every_form(two: Path) -> None:
    files = Ledger(two / "runs.db").files
    (files / "1" / "weights").write_bytes(b"w" * 1000)
    done = inside("rm", "a", "--json", cwd=two)
    assert (done.returncode, json.loads(done.stdout)) == (2, [])  # nobody has said yes
    assert json.loads(nas_inside("rm", "a", "--yes", "--json", cwd=two)) == [
        {"campaign": "a", "candidates": 4, "bytes": 1000}
    ]
    rows = nas_inside("rm", "b", "--yes", "-f", "csv", cwd=two).replace('"', "").splitlines()
    assert rows == ["campaign,candidates,bytes", "b,3,0"]


def test_rm_refuses_what_runs(tmp_path: Path) -> None:
    maker = campaign(tmp_path, "a", 0.5)
    maker.draw("ant_s", "bee_s", replicate=1)  # leased by this process, which lives
    done = inside("rm", "a", "--yes", cwd=tmp_path)
    assert done.returncode == 1
    assert "a is running" in done.stderr
    maker.store.release_all()
    maker.store.set_state("stopped")  # a moment ago
    nas_inside("rm", "a", "--yes", cwd=tmp_path)
    assert maker.ledger.campaign_names() == []


def test_rm_refuses_what_is_in_pre_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver holds no lease yet, and has given no sign of life."""
    maker = campaign(tmp_path, "a")
    seen = []

    def look(*_: object, **__: object) -> object:
        [line] = json.loads(nas_inside("list", "--json", cwd=tmp_path))
        found = json.loads(nas_inside("status", "--json", cwd=tmp_path))
        seen.append((line["state"], found["state"], found["alive"]))
        done = inside("rm", "a", "--yes", cwd=tmp_path)
        assert (done.returncode, "a is running" in done.stderr) == (1, True)
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "check_unchanged", look)  # before a member is profiled
    with pytest.raises(KeyboardInterrupt):
        running.run(maker.ledger, "a", SearchConfig(**CONFIG), running.Callbacks())
    assert seen == [("running", "running", True)]
    assert len(maker.ledger.events("a")) == 0
    nas_inside("rm", "a", "--yes", cwd=tmp_path)
    assert maker.ledger.campaign_names() == []


def test_a_driver_that_died_in_pre_flight_is_in_nobody_s_way(tmp_path: Path) -> None:
    maker = campaign(tmp_path, "a")
    me = Owner.me()
    dead, elsewhere = replace(me, started=1), replace(me, host="another.example", pid=1)
    ledger = maker.ledger
    row = ledger.campaign("a")
    with at_work(ledger, row.id, dead):
        [line] = json.loads(nas_inside("list", "--json", cwd=tmp_path))
        assert line["state"] == "interrupted"
        with at_work(ledger, row.id, elsewhere), ledger.session() as session:
            marks = select(Event.data).where(Event.kind == DRIVER_MARK)
            assert list(session.scalars(marks)) == [{"owner": str(elsewhere)}]  # the dead one's not
            assert is_running(session, row)
            session.execute(update(Event).values(at=Event.at - 200))
            assert is_running(session, replace(row, heartbeat_at=time.time() - 300))
            assert not is_running(session, replace(row, heartbeat_at=time.time() - 100))
            session.execute(update(Event).values(at=Event.at - ELSEWHERE_SECONDS))
            assert not is_running(session, row)
    nas_inside("rm", "a", "--yes", cwd=tmp_path)


def test_a_campaign_that_has_ended_can_be_removed_at_once(tmp_path: Path) -> None:
    maker = campaign(tmp_path, "a")
    CampaignStore(maker.ledger, maker.ledger.campaign("a").id, Owner.me()).set_state("done")
    assert "removed a" in nas_inside("rm", "a", "--yes", cwd=tmp_path)


def test_a_bank_that_others_begin_from_stays(tmp_path: Path) -> None:
    campaign(tmp_path, "bank", 0.5, bank=True)
    maker = campaign(tmp_path, "warm", 0.5, experts="bank")
    with pytest.raises(ProblemError, match="the experts of warm come from bank"):
        remove_campaign(maker.ledger, "bank")
    remove_campaign(maker.ledger, "warm")
    remove_campaign(maker.ledger, "bank")
    assert maker.ledger.campaign_names() == []


def test_a_campaign_after_a_removed_one_begins_with_no_files(tmp_path: Path) -> None:
    """SQLite gives the number of the last row that was removed again."""
    maker = campaign(tmp_path, "a", 0.5)
    remove_campaign(maker.ledger, "a")
    new = maker.ledger.create_campaign("new", SPACE, SearchConfig())
    assert not (maker.ledger.files / str(new)).exists()
    store = CampaignStore(maker.ledger, new, Owner.me())
    assert store.records() == []


def test_the_campaign_is_named_where_it_was_guessed(two: Path) -> None:
    done = inside("status", cwd=two)
    assert "campaign b, the latest search; -c names another" in done.stderr
    assert inside("status", "-q", cwd=two).stderr == ""
    assert inside("status", "-c", "a", cwd=two).stderr == ""
    assert "latest search" in inside("report", "leaderboard", cwd=two).stderr
    assert "latest search" not in inside("report", "screen", cwd=two).stderr
    shown = inside("show", "3", "-c", "a", cwd=two)
    assert shown.stdout.startswith("#3 bee dog") or "#3 ant cat" in shown.stdout
    assert nas_inside("show", "a/3", cwd=two) == shown.stdout
    exported = inside("export", "0", "-o", "out", "--code-only", cwd=two)
    assert "#0 of campaign b" in exported.stderr


def test_show_takes_words_without_quotes(tmp_path: Path) -> None:
    maker = campaign(tmp_path, "a", 0.5)
    maker.control("ant_s", 0.4)
    maker.ledger.close()
    assert "control 0 ant" in nas_inside("show", "control", "0", cwd=tmp_path)
    shown = nas_inside("show", "#0", cwd=tmp_path)
    assert shown == nas_inside("show", "0", cwd=tmp_path)
    assert "def build" not in shown
    assert "def build" in nas_inside("show", "0", "--code", cwd=tmp_path)
    assert json.loads(nas_inside("show", "0", "--json", cwd=tmp_path))["code"]
    assert max(map(len, shown.splitlines())) <= 80
