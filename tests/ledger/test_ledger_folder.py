"""Each ledger has a folder of its own for its files, and knows it again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_maker import Maker
from sqlalchemy import create_engine, make_url, text

from nas.ledger import Ledger
from nas.ledger.folder_marker import MARKER
from nas.schema import WEIGHTS, ProblemError


def begin(path: Path | str) -> Path:
    """A ledger with one finished candidate; its weights."""
    maker = Maker(path)
    maker.ledger.claim_files()
    maker.trained("ant_s", "bee_s", val=0.5, weights=WEIGHTS)
    maker.ledger.close()
    [weights] = [folder / WEIGHTS for folder in maker.ledger.files.glob("1/*/1")]
    weights.write_text(str(path))
    return weights


def weights_of(path: Path | str) -> Path:
    """Where a ledger has the weights of its first attempt."""
    ledger = Ledger(path)
    key = ledger.candidates()["key"][0]
    ledger.close()
    return ledger.attempt_folder(1, key, 1) / WEIGHTS


def without_markers(folder: Path) -> None:
    """As an older nas left it: it had no markers."""
    for marker in folder.glob(f"*/{MARKER}"):
        marker.unlink()


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        *[("runs.db", "runs.files"), ("runs.1", "runs.1.files"), ("runs", "runs.files")],
        *[("a.b.db", "a.b.files"), ("runs.sqlite", "runs.sqlite.files"), (".db", ".db.files")],
    ],
)
def test_its_name(tmp_path: Path, name: str, folder: str) -> None:
    ledger = Ledger(tmp_path / name, read_only=False)
    assert ledger.files == tmp_path / folder
    assert not ledger.files.exists()
    assert ledger.claim_files() == tmp_path / folder
    assert json.loads((ledger.files / MARKER).read_text())["name"] == name


@pytest.mark.parametrize(
    "names",
    [("runs.1", "runs.2"), ("runs.db", "runs"), ("runs", "runs.db"), ("runs.db", "runs.sqlite")],
)
def test_two_ledgers_side_by_side_have_two(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        begin(tmp_path / name)
    for name in names:
        assert weights_of(tmp_path / name).read_text() == str(tmp_path / name)


@pytest.mark.parametrize("copy", ["other.db", "runs", "runs.1"])
def test_a_copy_has_none_of_the_original_s(tmp_path: Path, copy: str) -> None:
    original = begin(tmp_path / "runs.db")
    shutil.copy(tmp_path / "runs.db", tmp_path / copy)
    ledger = Ledger(tmp_path / copy, read_only=False)
    ledger.claim_files()
    assert not weights_of(tmp_path / copy).exists()
    assert ledger.files != original.parents[3]
    assert weights_of(tmp_path / "runs.db").read_text() == str(tmp_path / "runs.db")


def test_one_that_is_copied_renamed_or_moved_with_its_folder_has_its_files(tmp_path: Path) -> None:
    begin(tmp_path / "runs.db")
    shutil.copytree(tmp_path, tmp_path.parent / "all of it")
    assert weights_of(tmp_path.parent / "all of it" / "runs.db").exists()
    shutil.copy(tmp_path / "runs.db", tmp_path / "copy.db")
    shutil.copytree(tmp_path / "runs.files", tmp_path / "copy.files")
    assert weights_of(tmp_path / "copy.db").exists()
    (tmp_path / "runs.db").rename(tmp_path / "renamed.db")
    (tmp_path / "runs.files").rename(tmp_path / "renamed.files")
    assert weights_of(tmp_path / "renamed.db").exists()
    Ledger(tmp_path / "renamed.db", read_only=False).claim_files()
    begin(tmp_path / "runs.db")
    assert weights_of(tmp_path / "renamed.db").read_text() == str(tmp_path / "runs.db")


def test_copies_whose_folder_is_one_link_do_not_share_it(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    begin(tmp_path / "one" / "runs.db")
    (tmp_path / "one" / "runs.files").rename(tmp_path / "big")
    (tmp_path / "one" / "runs.files").symlink_to("../big")
    shutil.copytree(tmp_path / "one", tmp_path / "two", symlinks=True)
    shutil.copy(tmp_path / "one" / "runs.db", tmp_path / "one" / "copy.db")
    (tmp_path / "one" / "copy.files").symlink_to("runs.files")
    for name in ("two/runs.db", "one/copy.db"):
        folder = Ledger(tmp_path / name, read_only=False).claim_files()
        assert not folder.samefile(tmp_path / "big")
        assert folder.parent == (tmp_path / name).parent
        assert not weights_of(tmp_path / name).exists()
    assert weights_of(tmp_path / "one" / "runs.db").exists()
    # Whichever the original goes by, one that was moved has its folder, and so has each copy.
    (tmp_path / "one").rename(tmp_path / "three")
    assert weights_of(tmp_path / "three" / "runs.db").exists()
    assert not weights_of(tmp_path / "two" / "runs.db").exists()
    Ledger(tmp_path / "three" / "runs.db", read_only=False).claim_files()
    assert not weights_of(tmp_path / "three" / "copy.db").exists()


@pytest.mark.parametrize("path", [None, "", "gone", "x" * 300, "x\0y", "\ud800", "/proc/kmsg", 7])
def test_a_marker_without_a_living_path_is_matched_by_its_id(tmp_path: Path, path: object) -> None:
    begin(tmp_path / "runs.db")
    marker = tmp_path / "runs.files" / MARKER
    known = json.loads(marker.read_text())
    assert known.pop("path") == str(tmp_path / "runs.db")
    marker.write_text(json.dumps(known if path is None else {**known, "path": path}))
    assert weights_of(tmp_path / "runs.db").exists()
    Ledger(tmp_path / "runs.db", read_only=False).claim_files()
    assert json.loads(marker.read_text())["path"] == str(tmp_path / "runs.db")


def test_a_link_to_a_ledger_is_the_ledger(tmp_path: Path) -> None:
    begin(tmp_path / "runs.db")
    (tmp_path / "latest").symlink_to("runs.db")
    assert weights_of(tmp_path / "latest") == weights_of(tmp_path / "runs.db")


@pytest.mark.parametrize("marked", [True, False])
def test_another_s_folder_is_refused_and_no_ledger_is_made(tmp_path: Path, marked: bool) -> None:
    weights = begin(tmp_path / "runs.db")
    (tmp_path / "runs.db").unlink()
    if not marked:
        without_markers(tmp_path)
    with pytest.raises(ProblemError, match=r"would be mixed with this one's — move them away"):
        Ledger(tmp_path / "runs.db", read_only=False)
    assert not (tmp_path / "runs.db").exists()
    assert weights.exists()


def test_folders_that_were_swapped_are_refused(tmp_path: Path) -> None:
    begin(tmp_path / "a.db")
    begin(tmp_path / "b.db")
    for old, new in (("a.files", "c"), ("b.files", "a.files"), ("c", "b.files")):
        (tmp_path / old).rename(tmp_path / new)
    for name in ("a.db", "b.db"):
        ledger = Ledger(tmp_path / name, read_only=False)
        for call in (ledger.claim_files, lambda ledger=ledger: ledger.files):
            with pytest.raises(ProblemError, match="another ledger"):
                call()
        assert "another ledger" in ledger.check()[0]


def test_ledgers_that_were_swapped_or_renamed_are_reported_by_their_names(tmp_path: Path) -> None:
    begin(tmp_path / "a.db")
    begin(tmp_path / "b.db")
    for old, new in (("a.db", "c"), ("b.db", "a.db"), ("c", "b.db")):
        (tmp_path / old).rename(tmp_path / new)
    with pytest.raises(ProblemError, match=r"belong to b\.db, another ledger.*belong in b\.files"):
        _ = Ledger(tmp_path / "a.db").files
    (tmp_path / "a.db").rename(tmp_path / "old.db")
    with pytest.raises(ProblemError, match=r"belong to b\.db"):
        Ledger(tmp_path / "a.db", read_only=False)
    with pytest.raises(
        ProblemError, match=r"belong to old\.db.*mv \S*b\.files \S*old\.files` returns"
    ):
        _ = Ledger(tmp_path / "b.db").files
    assert not (tmp_path / "a.db").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"ledger": 1}', "\xff", "{" * 100_000, "[" * 9000])
def test_a_marker_that_says_nothing_is_a_problem(tmp_path: Path, content: str) -> None:
    begin(tmp_path / "runs.db")
    (tmp_path / "runs.files" / MARKER).write_text(content, encoding="latin-1")
    with pytest.raises(ProblemError, match="does not name the ledger"):
        _ = Ledger(tmp_path / "runs.db").files


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "dangling"])
def test_a_marker_that_is_no_file_of_the_folder_is_neither_read_nor_written(
    tmp_path: Path, kind: str
) -> None:
    begin(tmp_path / "runs.db")
    marker, victim = tmp_path / "runs.files" / MARKER, tmp_path / "settings.json"
    text = json.dumps({**json.loads(marker.read_text()), "name": "other.db"})
    marker.unlink()
    if kind != "dangling":
        victim.write_text(text)
    if kind == "fifo":
        os.mkfifo(marker)
    elif kind == "folder":
        marker.mkdir()
    else:
        marker.symlink_to(victim)
    with pytest.raises(ProblemError):
        Ledger(tmp_path / "runs.db", read_only=False).claim_files()
    assert kind == "dangling" or victim.read_text() == text
    assert victim.exists() == (kind != "dangling")


@pytest.mark.parametrize("linked", [True, False])
def test_a_folder_of_somebody_s_own_is_not_adopted(tmp_path: Path, linked: bool) -> None:
    begin(tmp_path / "runs.db")
    shutil.rmtree(tmp_path / "runs.files")
    own = tmp_path / ("home" if linked else "runs.files")
    (own / "2024").mkdir(parents=True)
    (own / "2024" / "thesis.tex").write_text("x")
    if linked:
        (tmp_path / "runs.files").symlink_to(own)
    with pytest.raises(ProblemError, match="no known ledger"):
        Ledger(tmp_path / "runs.db", read_only=False).claim_files()
    assert [path.name for path in own.iterdir()] == ["2024"]
    shutil.rmtree(own / "2024")
    claimed = Ledger(tmp_path / "runs.db", read_only=False).claim_files()
    assert claimed.samefile(own)
    assert (own / MARKER).is_file()


class TestFromAnOlderNas:
    """Its folders had no markers, and a name without the ledger's last part."""

    def test_a_folder_of_the_same_name_is_adopted(self, tmp_path: Path) -> None:
        weights = begin(tmp_path / "runs.db")
        without_markers(tmp_path)
        assert weights_of(tmp_path / "runs.db") == weights  # a reader marks nothing
        assert not (tmp_path / "runs.files" / MARKER).exists()
        Ledger(tmp_path / "runs.db", read_only=False)
        assert (tmp_path / "runs.files" / MARKER).exists()
        assert weights.exists()

    def test_a_folder_with_its_bank_alone_is_adopted(self, tmp_path: Path) -> None:
        weights = begin(tmp_path / "runs.db")
        key = weights.parents[1].name
        for owned, name in ((False, "0" * 16), (True, key)):
            shutil.rmtree(tmp_path / "runs.files")
            (tmp_path / "runs.files" / "bank" / name).mkdir(parents=True)
            call = Ledger(tmp_path / "runs.db", read_only=False).claim_files
            if owned:
                assert call() == tmp_path / "runs.files"
            else:
                with pytest.raises(ProblemError, match="no known ledger"):
                    call()

    def test_of_a_shared_folder_each_takes_its_own(self, tmp_path: Path) -> None:
        old = tmp_path / "runs.files"
        for name, model in (("runs.db", "cat_s"), ("runs.1", "bee_s"), ("runs.2", "bee_m")):
            maker = Maker(tmp_path / name)
            maker.trained("ant_s", model, val=0.5, weights=WEIGHTS)
            [folder] = maker.ledger.files.glob("1/*/1")
            (folder / WEIGHTS).write_text(name)
            if maker.ledger.files != old:
                shutil.copytree(maker.ledger.files, old, dirs_exist_ok=True)
                shutil.rmtree(maker.ledger.files)
        (old / "1" / "notes.txt").write_text("anybody's")
        for name in ("runs.2", "runs.1", "runs.db"):
            Ledger(tmp_path / name, read_only=False).close()
        for name in ("runs.1", "runs.2", "runs.db"):
            assert weights_of(tmp_path / name).read_text() == name
            assert weights_of(tmp_path / name).parents[3] == Ledger(tmp_path / name).files
        assert (old / "1" / "notes.txt").exists()

    def test_what_a_link_or_a_row_leads_to_is_not_taken(self, tmp_path: Path) -> None:
        maker = Maker(tmp_path / "runs.1")
        maker.trained("ant_s", "bee_s", val=0.5, weights=WEIGHTS)
        [found] = maker.ledger.files.glob("1/*")
        victim = tmp_path / "victim"
        shutil.move(maker.ledger.files, tmp_path / "other")
        (tmp_path / "other" / "1" / found.name).rename(victim)
        (tmp_path / "runs.files" / "1").mkdir(parents=True)
        (tmp_path / "runs.files" / "1" / found.name).symlink_to(victim)
        Ledger(tmp_path / "runs.1", read_only=False)
        assert not (tmp_path / "runs.1.files").exists()
        assert victim.is_dir()


def test_each_database_of_a_server_has_one_of_its_own(
    tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    urls = [new_database(), new_database()]
    for url in urls:
        begin(url)
    for url in urls:
        assert weights_of(url).read_text() == url
        assert weights_of(url).parents[3].parent == tmp_path
    # One that is made again under an old name is another.
    name = make_url(urls[0]).database
    engine = create_engine(make_url(urls[1]).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    again = Ledger(urls[0], read_only=False)
    assert not again.claim_files().joinpath("1").exists()
    again.close()


def test_a_kill_while_the_folder_is_marked_locks_nobody_out(tmp_path: Path) -> None:
    killed = (
        "import os, signal, sys, nas.files\n"
        "from nas.ledger import Ledger\n"
        "nas.files.flush = lambda path: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Ledger(sys.argv[1], read_only=False).claim_files()\n"
    )
    ended = subprocess.run([sys.executable, "-c", killed, str(tmp_path / "runs.db")], check=False)
    assert ended.returncode == -signal.SIGKILL
    [left] = (tmp_path / "runs.files").iterdir()
    assert left.name.endswith(".part")
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    assert ledger.check() == []
    assert ledger.claim_files() == tmp_path / "runs.files"
    assert left.exists()  # another driver may be writing it this moment
    os.utime(left, (0, 0))
    ledger.claim_files()
    assert [path.name for path in (tmp_path / "runs.files").iterdir()] == [MARKER]
    (tmp_path / "other.files").mkdir()
    (tmp_path / "other.files" / ".mine.part").touch()
    with pytest.raises(ProblemError, match="no known ledger"):
        Ledger(tmp_path / "other.db", read_only=False)
