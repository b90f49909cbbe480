"""Python files of the working directory are no modules, here or in any child process.

Ray's workers are looked at where Ray runs anyway: test_execute_ray.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from planted import plant
from scripted_driver import EVALUATE, ScriptedDriver

from nas.execute.executors.local import LocalExecutor
from nas.import_path import cwd_left_out, importable
from nas.processes import Sandbox
from nas.report.stats_process import StatsProcess
from nas.schema import Status


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = plant(tmp_path / "here")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("entry", ["", ".", "{here}", "../here", "{here}/"])
def test_the_working_directory_is_left_out_by_any_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    named = entry.format(here=here)
    monkeypatch.setattr("sys.path", [named, "/elsewhere", str(here.parent)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([named, "/elsewhere", named]))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    assert importable() == ["/elsewhere", str(here.parent)]
    with cwd_left_out():
        assert sys.path == ["/elsewhere", str(here.parent)]
        assert os.environ["PYTHONPATH"] == "/elsewhere"
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert sys.path == [named, "/elsewhere", str(here.parent)]
    assert os.environ["PYTHONPATH"] == os.pathsep.join([named, "/elsewhere", named])
    assert "PYTHONSAFEPATH" not in os.environ


def test_who_stands_where_nas_lies_still_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import nas

    home = Path(nas.__file__).resolve().parent.parent
    monkeypatch.chdir(home)
    monkeypatch.setattr("sys.path", ["", "/elsewhere"])
    assert importable() == [str(home), "/elsewhere"]


def test_a_sandbox_starts_and_looks_elsewhere(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(here))  # as for whoever's script lies there
    with Sandbox() as sandbox:
        found = sandbox.call(eval, "__import__('sys').path")
    assert found.ok, found
    assert str(here) not in found.value
    assert "" not in found.value


def test_a_local_trial_trains(here: Path, tmp_path: Path) -> None:
    driver = ScriptedDriver(["ok"], tmp_path / "trials")
    LocalExecutor(evaluate=EVALUATE).run(driver)
    assert driver.statuses == [Status.OK]


@pytest.mark.usefixtures("here")
def test_the_page_s_second_process_reads_to_the_end() -> None:
    with StatsProcess() as beside:
        beside._pipes[0].close()
        assert beside._process.wait(timeout=120) == 0


def test_nas_itself_does_not_import_from_here_when_it_is_run_as_a_module(tmp_path: Path) -> None:
    """What Python imports to run a module at all comes before anything of nas's."""
    done = subprocess.run(
        [sys.executable, "-m", "nas.cli", "--version"],
        cwd=plant(tmp_path / "here", stdlib=False),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.startswith("nas "), done.stderr


@pytest.mark.parametrize("path", ["/elsewhere:", ":/elsewhere", "/elsewhere::/nowhere"])
def test_nas_itself_imports_nothing_from_here_where_python_path_has_an_empty_part(
    tmp_path: Path, path: str
) -> None:
    """Every module of Python's own lies here too, but for those that Python starts with."""
    listing = [sys.executable, "-c", "import sys; print(*sys.modules)"]
    started = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    names = sys.stdlib_module_names - {name.partition(".")[0] for name in started} - {"antigravity"}
    assert {"contextlib", "sysconfig", "traceback", "typing", "json"} <= names
    for name in names:
        (tmp_path / f"{name}.py").write_text("open(__file__ + '.ran', 'w').close()\n1 / 0\n")
    command = "from nas.cli.__main__ import main; main()"  # as the script that pip makes
    done = subprocess.run(
        [sys.executable, "-c", command, "spaces"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "moe4" in done.stdout
    assert list(tmp_path.glob("*.ran")) == []
