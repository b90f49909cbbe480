"""The built wheel, outside the checkout: it brings its spaces, templates and analyses along."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from real_nas import environment

ROOT = Path(__file__).parents[2]


@pytest.mark.proof
def test_the_wheel_lists_spaces_and_runs_a_trial(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    _run([*build, "--wheel-dir", str(tmp_path / "dist"), str(ROOT)], tmp_path)
    [wheel] = (tmp_path / "dist").glob("*.whl")

    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    _run([str(python), "-m", "pip", "install", "--no-deps", "--no-index", str(wheel)], tmp_path)
    # Third-party packages are lent. A .pth inside that folder, the editable install's say, is not
    # followed, so `nas` can come from the wheel alone.
    [site] = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = _run([str(python), "-c", "import nas; print(nas.__file__)"], elsewhere)
    assert Path(where.strip()).is_relative_to(site)
    nas = str(tmp_path / "venv" / "bin" / "nas")
    spaces = _run([nas, "spaces"], elsewhere)
    assert "tiny" in spaces
    assert "moe4" in spaces
    search = [nas, "search", "--trials", "1", "--executor", "local", "--no-controls", "-w", "1"]
    assert "ok val" in _run(search, elsewhere)
    assert "number" in _run([nas, "report", "leaderboard"], elsewhere)


def _run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
