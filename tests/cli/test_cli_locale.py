"""Where the locale knows ASCII alone, files are UTF-8 and the terminal gets what it can show."""

from pathlib import Path

from real_nas import run

from nas.ledger import Ledger
from nas.schema import SearchConfig
from nas.space import load

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def test_a_report_under_ascii(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    ledger.create_campaign("größer τ", load("tiny"), SearchConfig())
    (tmp_path / "out.md").write_text("an older report")
    written = run("report", "failures", "-f", "md", "-o", "out.md", cwd=tmp_path, **ASCII)
    assert written.returncode == 0, written.stderr
    assert "größer τ" in (tmp_path / "out.md").read_text("utf-8")
    shown = run("status", cwd=tmp_path, PYTHONIOENCODING="ascii", **ASCII)
    assert shown.returncode == 0, shown.stderr
    assert "gr??er ?" in shown.stdout
    assert shown.stdout.isascii()
