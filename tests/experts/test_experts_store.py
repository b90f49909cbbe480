"""The bank keeps whole entries, and says what is wrong with the others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bank_maker import candidate, fill, labels, put
from pydantic import ValidationError

from nas.experts import Bank, BankError, Entry, Part


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


def test_what_is_put_is_read_back(bank: Bank) -> None:
    entry = put(bank, "ant", "ant_s", skill=3.0)
    assert bank.entry(entry.key) == entry
    bank.verify(entry)
    logits = bank.logits(entry)
    assert {split: tuple(x.shape) for split, (x, _) in logits.items()} == {
        "held": (60, 3),
        "val": (40, 3),
        "test": (50, 3),
    }
    for split, truth in labels().items():
        assert torch.equal(logits[split][1], truth)
    assert bank.features(entry)["val"].shape == (40, 5)
    assert bank.features(entry)["val"].dtype == torch.float16
    assert (entry.family, entry.model) == ("ant", "ant_s")
    on_disk = sum(p.stat().st_size for p in (bank.folder / entry.key).iterdir())
    assert entry.bytes == on_disk - (bank.folder / entry.key / "entry.json").stat().st_size


def test_an_expert_without_features(bank: Bank) -> None:
    entry = put(bank, "ant", features=None)
    assert entry.features is None
    assert bank.features(bank.entry(entry.key)) == {}


def test_a_second_writer_replaces_the_first(bank: Bank) -> None:
    first = put(bank, "ant", seed=1)
    second = put(bank, "ant", seed=2)
    assert first.key == second.key
    assert bank.entry(first.key) == second
    assert [path.name for path in bank.folder.iterdir()] == [first.key]


@pytest.mark.parametrize("name", ["logits.safetensors", "features.safetensors", "entry.json"])
@pytest.mark.parametrize("how", ["flip", "cut", "gone", "empty"])
def test_damage_is_found_and_reported(bank: Bank, name: str, how: str) -> None:
    entry, other = put(bank, "ant"), put(bank, "bee")
    path = bank.folder / entry.key / name
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif how == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: 0 if how == "empty" else -7])
    if (name, how) == ("entry.json", "flip"):
        try:
            found = bank.entry(entry.key)
        except BankError:
            return
        assert found != entry  # it still reads as JSON, but not as what was written
        return
    with pytest.raises(BankError):
        bank.verify(bank.entry(entry.key))
    bank.verify(bank.entry(other.key))


def test_an_entry_under_another_s_name_is_refused(bank: Bank) -> None:
    entry = put(bank, "ant")
    other = candidate("ant", "ant_s", image_size=64).key
    (bank.folder / entry.key).rename(bank.folder / other)
    with pytest.raises(BankError, match="another expert's"):
        bank.entry(other)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": 64},
        {"channels": 1},
        {"task": {"dataset": "synthetic", "hold_out": 0.2}},
        {"task": {"split_seed": 1, "hold_out": 0.2}},
        {"task": {"hold_out": 0.3}},
        {"recipe": {"epochs": 3}},
        {"replicate": 1},
        {"template_hash": "u" * 16},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_whatever_an_expert_learned_from_is_in_its_key(changes: dict[str, object]) -> None:
    assert candidate("ant", "ant_s", **changes).key != candidate("ant", "ant_s").key


def test_a_disk_that_refuses_leaves_nothing_behind(bank: Bank) -> None:
    kept = put(bank, "ant")

    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        bank.put("k" * 16, full, {}, lambda files: kept)
    assert [path.name for path in bank.folder.iterdir()] == [kept.key]
    bank.verify(kept)


def test_the_limit_holds_for_all_entries_together(bank: Bank) -> None:
    first = put(bank, "ant")
    with pytest.raises(BankError, match="more than its limit"):
        put(bank, "bee", limit=first.bytes + 10)
    assert [path.name for path in bank.folder.iterdir()] == [first.key]
    put(bank, "ant", seed=3, limit=2 * first.bytes)  # what it replaces does not count


def test_what_killed_writers_left_is_swept(bank: Bank) -> None:
    entry = put(bank, "ant")
    half = bank.folder / f".{entry.key}.{'0' * 32}"
    half.mkdir()
    (half / "logits.safetensors").write_bytes(b"half")
    bank.sweep()
    assert half.exists()  # somebody may be writing it
    os.utime(half, (0, 0))
    bank.sweep()
    assert os.listdir(bank.folder) == [entry.key]  # noqa: PTH208


def test_a_sweep_takes_nobody_else_s_and_meets_others(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = put(bank, "ant")
    (bank.folder / ".git").mkdir()
    (bank.folder / ".dangling").symlink_to("nowhere")
    (bank.folder / f".{entry.key}.{'1' * 32}").symlink_to("nowhere")
    gone = bank.folder / f".{entry.key}.{'2' * 32}"
    gone.mkdir()
    for name in (".git", gone.name):
        os.utime(bank.folder / name, (0, 0))
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if path == gone and gone.exists():
            gone.rmdir()  # by another, just now
        return real(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    bank.sweep()
    names = {".git", ".dangling", entry.key, f".{entry.key}.{'1' * 32}"}
    assert set(os.listdir(bank.folder)) == names  # noqa: PTH208


def test_a_kill_while_an_entry_is_amended_leaves_nothing_for_ever(bank: Bank) -> None:
    entry = put(bank, "ant")
    files = sorted(os.listdir(bank.folder / entry.key))  # noqa: PTH208
    code = (
        "import os, signal, sys, nas.files\n"
        "from pathlib import Path\n"
        "from nas.experts import Bank\n"
        "nas.files.flush = lambda path: os.kill(os.getpid(), signal.SIGKILL)\n"
        "bank = Bank(Path(sys.argv[1]))\n"
        "bank.amend(bank.entry(sys.argv[2]).with_(latency={1: 0.5}))\n"
    )
    command = [sys.executable, "-c", code, str(bank.folder), entry.key]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert bank.entry(entry.key) == entry
    for path in bank.folder.glob(".*"):
        os.utime(path, (0, 0))
    bank.sweep()
    assert os.listdir(bank.folder) == [entry.key]  # noqa: PTH208
    assert sorted(os.listdir(bank.folder / entry.key)) == files  # noqa: PTH208
    bank.amend(entry.with_(latency={1: 0.5}))
    assert bank.entry(entry.key).latency == {1: 0.5}


def test_a_manifest_names_no_file_outside(bank: Bank) -> None:
    entry = put(bank, "ant")
    evil = {**entry.files, "../../secret": Part(bytes=1, sha256="0")}
    with pytest.raises(ValidationError):
        Entry.model_validate(entry.model_dump() | {"files": evil})


def test_a_bank_that_is_not_there_is_empty(bank: Bank) -> None:
    with pytest.raises(BankError, match="no such expert"):
        bank.entry("0" * 16)
    bank.sweep()
    _, entries = fill(bank.folder, "abc")
    assert len(list(bank.folder.iterdir())) == len(entries) == 3
