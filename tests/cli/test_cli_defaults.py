"""What is taken where nothing is typed, and how data that are not there are offered."""

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from real_nas import inside

from nas import data
from nas.cli import defaults
from nas.cli.option_groups import MachineOptions
from nas.cli.search import with_length
from nas.data import catalog
from nas.hardware import devices
from nas.schema import SearchConfig, UsageError
from nas.space import load


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a GPU, as far as is looked at before a trial."""
    monkeypatch.setattr(devices, "gpus_available", lambda: (devices.Gpu("H100", 80 * 2**30),))


@pytest.mark.parametrize(
    ("gpus", "expected"), [(None, "tiny digits"), (0, "tiny digits"), (2, "moe4 cifar10")]
)
def test_defaults_follow_the_device(gpus: int | None, expected: str) -> None:
    name = defaults.space_for(None, gpus)
    assert f"{name} {defaults.dataset_for(None, gpus, load(name))}" == expected
    assert defaults.space_for("mine", gpus) == "mine"
    made_for = load(name).with_(dataset="noisy-digits")
    assert defaults.dataset_for(None, gpus, made_for) == "noisy-digits"
    assert defaults.dataset_for("folder:x", gpus, made_for) == "folder:x"


@pytest.mark.parametrize(
    ("given", "executor"),
    [
        (MachineOptions(), "local"),
        (MachineOptions(gpus=0), "local"),
        (MachineOptions(gpus=1), "ray"),
        (MachineOptions(gpus=1, executor="local"), "local"),
        (MachineOptions(executor="ray"), "ray"),
    ],
)
def test_the_executor_follows_the_device(given: MachineOptions, executor: str) -> None:
    assert given.with_defaults()["executor"] == executor


@pytest.mark.parametrize(
    ("gpus", "cpus", "gib", "workers"),
    [
        (0, 2, 8, 2),
        (0, 64, 8, 64),
        (1, 16, 128, 8),
        (1, 6, 128, 6),
        (1, 16, 13, 4),
        (4, 64, 512, 32),
        (4, 2, 512, 4),  # one each, whatever the machine is
        (1, 1, 1, 1),
    ],
)
def test_workers_follow_the_machine(
    gpus: int, cpus: int, gib: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SimpleNamespace(total=gib * 2**30)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cpus)), raising=False)
    assert defaults.workers_for(gpus) == workers


@pytest.mark.parametrize(
    ("given", "budget", "trials"),
    [
        ({}, 240.0, None),
        ({"budget_seconds": 9.0}, 9.0, None),
        ({"trials": 3}, None, 3),
        ({"screen": 1, "top": 5}, None, 10),
        ({"screen": 1, "top": 5, "trials": 3}, None, 3),
        ({"screen": 1, "top": 5, "budget_seconds": 9.0}, 9.0, None),
    ],
)
def test_the_length_of_a_search(
    given: dict[str, Any], budget: float | None, trials: int | None
) -> None:
    found = with_length(SearchConfig(**given))
    assert (found.budget_seconds, found.trials) == (budget, trials)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["search", "--budget", "28d", "--gpus", "1"], "cifar10 is not downloaded"),
        (["search", "tiny", "--gpus", "1"], "cifar10 is not downloaded"),
        (["search", "--gpus", "1", "-d", "cifar100"], "cifar100 is not downloaded"),
        (["bank", "--gpus", "1"], "cifar10 is not downloaded"),
        (["families", "tiny", "--gpus", "1"], "cifar10 is not downloaded"),
    ],
    ids=" ".join,
)
def test_typed_for_a_gpu(arguments: list[str], missing: str, tmp_path: Path) -> None:
    """Without a terminal the one command that gets the data is a hint, and nothing is made."""
    done = inside(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert missing in done.stderr
    assert done.stderr.endswith(f"type: nas data get {missing.split()[0]}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("gpu")
def test_other_commands_take_the_same_space() -> None:
    here = Path.cwd()
    assert "trials of moe4" in inside("plan", "-n", "9", "--gpus", "1", cwd=here).stdout
    assert "trials of tiny" in inside("plan", "-n", "9", cwd=here).stdout


def test_a_gpu_that_is_not_there_is_reported_before_data_are_offered(tmp_path: Path) -> None:
    if devices.gpus_available():
        pytest.skip("this machine has a GPU")
    done = inside("search", "--budget", "28d", "--gpus", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "1 GPU wanted" in done.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """On a terminal: gives an answer to what is asked, and tells what was downloaded then."""

    def ask(answer: str) -> list[str]:
        got: list[str] = []
        monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
        monkeypatch.setattr("sys.stderr", Terminal())
        monkeypatch.setattr(catalog, "download", lambda name, root: got.append(f"{name} {root}"))
        monkeypatch.setattr(data, "download", catalog.download)
        return got

    return ask


def test_on_a_terminal_the_download_is_offered(
    requests: Callable[[str], list[str]], tmp_path: Path
) -> None:
    import sys

    got = requests("y")
    defaults.provide("cifar10", tmp_path)
    assert got == [f"cifar10 {tmp_path}"]
    assert f"Download it into {tmp_path} now (170 MB)?" in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_who_declines_gets_the_command(
    requests: Callable[[str], list[str]], tmp_path: Path
) -> None:
    root = tmp_path / "my data"
    got = requests("n")
    with pytest.raises(data.NotHereError) as caught:
        defaults.provide("tiny-imagenet", root)
    assert got == []
    command = f"nas data get tiny-imagenet --data-root '{root}'"
    assert caught.value.problem.fix == f"type: {command}"


def test_what_is_there_is_not_queried_about(
    requests: Callable[[str], list[str]], tmp_path: Path
) -> None:
    got = requests("y")
    defaults.provide("digits", tmp_path)
    with pytest.raises(UsageError):
        defaults.provide("cifar11", tmp_path)
    assert got == []
