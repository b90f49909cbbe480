"""Files are there whole or not at all, in UTF-8, under the name that was given."""

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from nas import files
from nas.schema import ProblemError, UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_text_is_utf8_and_has_the_permissions_that_the_umask_says(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    before = os.umask(0o027)
    try:
        assert files.write_text(path, "τ – 2\n") == 9  # τ takes two bytes, – three
    finally:
        os.umask(before)
    assert path.read_bytes() == "τ – 2\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_is_private_stays_private(tmp_path: Path) -> None:
    path, seen = tmp_path / "a.md", []
    path.write_text("old")
    for mode in (0o600, 0o640, 0o444):
        path.chmod(mode)
        if os.getuid() == 0:
            os.chown(path, 12345, 12346)
        before = path.stat()
        with files.replacing(path) as fresh:
            fresh.write_text("new")
            seen.append(stat.S_IMODE(fresh.stat().st_mode))
        after = path.stat()
        assert stat.S_IMODE(after.st_mode) == mode
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
        assert after.st_ino != before.st_ino
    assert seen == [0o600] * 3  # before it has its place, too


def test_half_a_character_is_written_as_an_escape(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", os.fsdecode(b"caf\xe9"))
    assert (tmp_path / "a").read_text("utf-8") == "caf\\udce9"


def test_what_stood_there_stays_where_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.html"
    files.write_bytes(path, b"old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        files.write_bytes(path, b"new")
    assert names(tmp_path) == ["out.html"]
    assert path.read_bytes() == b"old"


def test_no_folder_for_it(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="no such folder"):
        files.write_text(tmp_path / "nowhere" / "a.md", "")
    for call in (files.write_text, files.write_output):
        with pytest.raises(UsageError, match="not a regular file"):
            call(tmp_path, "")
    assert names(tmp_path) == []


def test_where_there_is_no_place_is_reported_by_the_name_that_was_given(tmp_path: Path) -> None:
    def folder(path: Path) -> None:
        with files.new_folder(path):
            pass

    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "no" / "where")
    with pytest.raises(UsageError, match=rf"^{tmp_path}/no: there is no such folder"):
        files.write_text(tmp_path / "dangling", "")
    for out in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / "file" / "x" / "y"):
        for call in (folder, files.check_new_folder, files.check_folder, files.make_folder):
            with pytest.raises(UsageError, match=rf"^{tmp_path}/file: this is not a folder"):
                call(out)
    for call in (lambda p: files.write_text(p, ""), folder, files.make_folder):
        with pytest.raises(UsageError, match=r"^/proc/nas: nothing can be created here"):
            call(Path("/proc/nas"))
    with pytest.raises(UsageError, match=r"^/proc/nas/x: nothing can be created here"):
        folder(Path("/proc/nas/x"))
    assert names(tmp_path) == ["dangling", "file"]


def test_what_the_disk_refuses_is_reported_by_the_name_that_was_given(tmp_path: Path) -> None:
    def failing(name: str) -> None:
        raise OSError(28, "No space left on device", name)

    with pytest.raises(OSError, match=f"'{tmp_path}/a'"), files.replacing(tmp_path / "a") as fresh:
        failing(str(fresh))
    with pytest.raises(OSError, match=f"'{tmp_path}/b'"), files.new_folder(tmp_path / "b") as fresh:
        failing(str(fresh / "model.py"))


def test_links_in_a_circle_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    def folder(path: Path) -> None:
        with files.new_folder(path):
            pass

    for out in (tmp_path / "a", tmp_path / "a" / "out.md"):
        for call in (lambda p: files.write_output(p, "x"), folder, files.check_new_folder):
            with pytest.raises(UsageError, match="to itself"):
                call(out)
    assert names(tmp_path) == ["a", "b"]


def test_a_link_stays_a_link_and_a_long_name_is_no_trouble(tmp_path: Path) -> None:
    target, link = tmp_path / ("ä" * 127), tmp_path / "link"
    link.symlink_to(target)
    files.write_text(link, "one")
    files.write_text(link, "two")
    assert link.is_symlink()
    assert target.read_text("utf-8") == "two"


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    path, read = tmp_path / "fifo", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with pytest.raises(ProblemError, match="not a regular file"):
        files.write_text(path, "of nas's own accord")
    files.write_output(path, "through")
    reader.join(10)
    assert read == [b"through"]


def test_a_file_system_s_own_folder_does_not_fill_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    (out / "lost+found").mkdir(parents=True)
    with pytest.raises(UsageError, match="not an empty folder"):
        files.check_new_folder(out)
    monkeypatch.setattr("os.path.ismount", lambda path: path == out)
    with files.new_folder(out) as fresh:
        files.write_text(fresh / "model.py", "x")
    assert names(out) == ["lost+found", "model.py"]


@pytest.mark.parametrize("there", ["nothing", "deep", "empty", "cwd", "link", "dangling"])
def test_a_new_folder(there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, out = tmp_path / "real", tmp_path / "real"
    if there in ("empty", "cwd", "link"):
        real.mkdir(mode=0o750)
    if there == "cwd":
        monkeypatch.chdir(real)
        out = Path()
    elif there == "deep":
        real = out = tmp_path / "a" / "b" / "c"
    elif there in ("link", "dangling"):
        out = tmp_path / "link"
        out.symlink_to(real)
    before = names(tmp_path)

    def failing() -> None:
        with files.new_folder(out) as fresh:
            (fresh / "half").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert names(tmp_path) == before
    assert not real.exists() or names(real) == []
    with files.new_folder(out) as fresh:
        for name in ("model.py", "README.md"):
            files.write_text(fresh / name, name)
    assert names(real) == ["README.md", "model.py"]
    plain = 0o750 if there in ("empty", "cwd", "link") else 0o777 & ~umask()
    assert stat.S_IMODE(real.stat().st_mode) == plain
    with pytest.raises(ProblemError, match="not an empty folder"), files.new_folder(out):
        pass


def umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def test_a_mounted_folder_and_a_mounted_file(tmp_path: Path) -> None:
    folder, file, other = tmp_path / "folder", tmp_path / "file", tmp_path / "other"
    folder.mkdir()
    file.write_text("old")
    other.write_text("mounted")
    mounts = [["mount", "-t", "tmpfs", "none", folder], ["mount", "--bind", other, file]]
    if any(subprocess.run(mount, capture_output=True, check=False).returncode for mount in mounts):
        subprocess.run(["umount", folder], capture_output=True, check=False)
        pytest.skip("nothing can be mounted here")
    try:
        with files.new_folder(folder) as fresh:
            files.write_text(fresh / "model.py", "x")
        assert names(folder) == ["model.py"]
        files.write_text(file, "new")
        assert other.read_text() == "new"
    finally:
        subprocess.run(["umount", folder, file], check=True)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("fifo", "not a regular file"),
        ("zero", "not a regular file"),
        ("folder", "not a regular file"),
        ("large", "larger than"),
        ("latin", "not UTF-8 text"),
    ],
)
def test_a_source_ends_and_is_text(kind: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(10**9)
    else:
        path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ProblemError, match=words):
        files.read_source(path)


@pytest.mark.timeout(20)
def test_a_source_that_would_be_waited_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel's log in /proc: a regular file, says stat."""
    path = tmp_path / "a.yaml"
    os.mkfifo(path)
    monkeypatch.setattr(stat, "S_ISREG", lambda mode: True)
    writer = os.open(path, os.O_RDWR)
    for messages in (b"", b"name: x\n"):
        os.write(writer, messages)
        with pytest.raises(ProblemError, match="never ends"):
            files.read_source(path)
    os.close(writer)


def test_a_source_reads_alike_whatever_the_editor(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert files.read_source(path) == "a: 1\nb: 2\n"
