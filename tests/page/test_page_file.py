"""The file: one, whole, with nothing of a campaign outside its packed data; and its command."""

import base64
import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_maker import Maker
from loaded_modules import loaded_by
from page_ledger import EVIL
from typer.testing import CliRunner

from nas.cli.app import app
from nas.ledger import Ledger
from nas.report.page import page, page_data
from nas.schema import ProblemError


@pytest.fixture(scope="module")
def text(file: Path) -> str:
    return file.read_text()


def scripts(text: str) -> dict[str, str]:
    found = re.findall(r"<script ([^>]*)>(.*?)</script>", text, re.DOTALL)
    return {re.sub(r'.*(id|type)="([^"]*)"', r"\2", attributes): body for attributes, body in found}


def test_it_is_three_scripts_and_none_of_them_holds_a_name(text: str) -> None:
    found = scripts(text)
    assert list(found) == ["plotly", "data", "module"]
    assert text.count("<script") == text.count("</script") == 3
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", found["plotly"] + found["data"])
    for name in (EVIL, "m0", "digits"):
        assert name not in text.replace(found["data"], "").replace(found["plotly"], "")


def test_its_data_are_those_of_page_data(text: str, filled: Maker) -> None:
    packed = json.loads(gzip.decompress(base64.b64decode(scripts(text)["data"])))
    assert packed["live"] is None
    now = page_data(Ledger(filled.path))
    assert packed["data"]["sections"] == json.loads(json.dumps(now["sections"]))


def test_its_policy_names_both_scripts_and_lets_nothing_else_in(text: str) -> None:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert found
    policy = found[1]
    for script in (
        scripts(text)["module"].encode(),
        gzip.decompress(base64.b64decode(scripts(text)["plotly"])),
    ):
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_it_names_no_address_to_load_from(text: str) -> None:
    ours = text.replace(scripts(text)["plotly"], "").replace(scripts(text)["data"], "")
    assert not re.search(r"https?:", ours)
    assert not re.search(r"\b(src|href)=\"(?!#|data:,)", ours)


def test_the_same_ledger_gives_the_same_page_but_for_the_time(
    filled: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.report.page.data.time.time", lambda: 1.7e9)
    ledger = Ledger(filled.path)
    assert page(ledger) == page(ledger)


# The command


def test_the_command(filled: Maker, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    arguments = ["report", "--html", str(out), "--campaign", "first", "--db", str(filled.path)]
    messages = subprocess.run(
        [sys.executable, "-m", "nas.cli", *arguments], capture_output=True, text=True, check=True
    )
    assert messages.stdout.startswith(f"{out}: 2.2 MB, opens in any browser, offline")
    # On a slow machine it says that it is at work.
    assert all(line.startswith("writing the page") for line in messages.stderr.splitlines())
    assert out.read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize("more", [["leaderboard"], ["--output", "x"], ["--format", "csv"]])
def test_the_page_is_requested_alone(filled: Maker, tmp_path: Path, more: list[str]) -> None:
    out = tmp_path / "out.html"
    result = CliRunner().invoke(
        app, ["report", "--html", str(out), "--db", str(filled.path), *more]
    )
    assert isinstance(result.exception, ProblemError)
    assert "--html writes the whole report" in str(result.exception)
    assert not out.exists()


def test_help_loads_no_plotly() -> None:
    code = "from nas.cli.app import app; import nas.cli.report"
    assert not loaded_by(code) & {"plotly", "pandas", "statsmodels"}
