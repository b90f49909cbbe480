"""`nas report --figures`: the page's figures as SVG and PDF files."""

import re
from pathlib import Path

import pytest
from ledger_maker import Maker
from loaded_modules import loaded_by
from real_nas import inside
from typer.testing import CliRunner

from nas.cli.app import app
from nas.ledger import Ledger
from nas.report import figures as figures_module
from nas.report.figures import figures
from nas.report.page import page_data
from nas.schema import ProblemError

OF_ARMS = {"arms", "arm_effects", "growth", "routing_matrix", "routing", "routing_epochs"}
NAMES = [name for name in figures_module.NAMES if name not in OF_ARMS]
"""Of a campaign of families."""


def run(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["report", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def texts(svg: Path) -> list[str]:
    return re.findall(r"<text[^>]*>(.*?)</text>", svg.read_text())


def test_every_figure_is_written_in_both_formats(filled: Maker, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "figures"
    out, err = run("--figures", str(folder), "--db", str(filled.path))
    assert err == ""
    expected = {f"{name}.{form}" for name in NAMES for form in ("svg", "pdf")}
    assert {path.name for path in folder.iterdir()} == expected
    assert out.split() == [
        str(folder / f"{name}.{form}") for name in NAMES for form in ("svg", "pdf")
    ]
    for name in NAMES:
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert "<svg" in (folder / f"{name}.svg").read_text()


def test_they_show_what_the_page_shows(filled: Maker, tmp_path: Path) -> None:
    data = page_data(Ledger(filled.path))
    made = dict(figures(data, tmp_path))
    assert list(made) == list(NAMES)
    families = data["sections"]["together"]["effects"]["values"]["family"]
    shown = texts(tmp_path / "effects.svg")
    assert {"ant", "bee", "cat"} <= set(families)
    assert [text for text in shown if text in families] == [
        family for family in families if "<" not in family
    ]
    markup = (tmp_path / "effects.svg").read_text()
    assert "<script" not in markup  # a family's name stays text
    assert "&lt;script" in markup


def test_the_same_data_give_the_same_bytes(filled: Maker, tmp_path: Path) -> None:
    data = page_data(Ledger(filled.path))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        list(figures(data, tmp_path / folder))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_what_cannot_be_drawn_is_reported(maker: Maker, tmp_path: Path) -> None:
    maker.start(maker.draw("ant_s", "bee_s"))
    out, err = run("--figures", str(tmp_path / "f"), "--db", str(maker.path))
    assert {path.name for path in (tmp_path / "f").iterdir()} == {"coverage.svg", "coverage.pdf"}
    assert "effects: not drawn. No family’s effect can be estimated yet." in err
    assert len(err.splitlines()) == len(NAMES) - 1
    assert len(out.splitlines()) == 2


def test_a_ledger_without_a_campaign_has_none(tmp_path: Path) -> None:
    Ledger(tmp_path / "runs.db", read_only=False).close()
    made = dict(figures(page_data(Ledger(tmp_path / "runs.db")), tmp_path))
    assert set(made) == {*NAMES, *OF_ARMS}
    assert set(made.values()) == {"This campaign has no such figure."}


def test_a_folder_that_cannot_be_made_is_reported(filled: Maker, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ProblemError, match="the figures cannot be written"):
        run("--figures", str(tmp_path / "file"), "--db", str(filled.path))


def test_none_is_written_where_a_ledger_s_files_are(maker: Maker, tmp_path: Path) -> None:
    maker.ledger.claim_files()
    done = inside("report", "--figures", "runs.files/figures", cwd=tmp_path)
    assert (done.returncode, "ledger's files folder" in done.stderr) == (2, True)
    assert not (maker.ledger.files / "figures").exists()
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "coverage.svg").symlink_to(tmp_path / "runs.db")
    maker.draw("ant_s", "bee_s")
    done = inside("report", "--figures", "f", cwd=tmp_path)
    assert (done.returncode, "this is the ledger" in done.stderr) == (2, True)


def test_a_figure_is_replaced_whole_or_not_at_all(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.draw("ant_s", "bee_s")
    data = page_data(maker.ledger)
    old = tmp_path / "coverage.svg"
    old.write_text("old")

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nas.files.flush", full)
    with pytest.raises(OSError, match="No space"):
        list(figures(data, tmp_path))
    assert old.read_text() == "old"


def test_it_is_requested_alone(filled: Maker, tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="--figures writes the whole report"):
        run("leaderboard", "--figures", str(tmp_path), "--db", str(filled.path))


def test_a_page_and_figures_load_matplotlib_only_where_it_draws() -> None:
    code = "import nas.cli.report, nas.report.figures, nas.report.page"
    assert "matplotlib" not in loaded_by(code)
