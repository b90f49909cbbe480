"""Wrong words are exit code 2, and a name is no line of its own."""

import io
from pathlib import Path

import pytest
from ledger_maker import Maker
from real_nas import SPACE, inside
from rich.text import Text

from nas.cli.console import console, echo, put_shown
from nas.report.progress import Display
from nas.report.terminal import Terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_text_breaks_between_words_and_a_path_nowhere(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Terminal(file=io.StringIO(), width=40, force_terminal=terminal, no_color=True)
    monkeypatch.setattr("nas.cli.console.console", shown)
    path, line = "a/" * 30, "word " * 9 + "end"
    put_shown(None, path, Text(line))
    first, *lines = shown.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert first == path
    assert (len(lines), " ".join(map(str.strip, lines))) == (2 if terminal else 1, line)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    maker = Maker(tmp_path / "runs.db", name="taken", dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.ledger.close()
    (tmp_path / "five.yaml").write_text(SPACE)
    (tmp_path / "alone.yaml").write_text("image_size: 8\nchoices: {mixing: [soft, top1]}\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("trust", "nofile"),
        ("trust", "loop"),
        ("search", "five.yaml", "-d", "digits", "-e", "inline", "-n", "1", "--name", "taken"),
        ("search", "five.yaml", "-d", "folder:"),
        ("search", "five.yaml", "-d", "classes:", "--dry-run"),
        ("search", "five.yaml", "-d", "folder:loop"),
        ("search", "five.yaml", "-d", "folder:~nobody-of-this-name/x"),
        ("bank", "five.yaml", "-d", "folder:"),
        ("bank", "five.yaml", "--publish", "full"),
        ("bank", "five.yaml", "--publish", "loop"),
        ("screen", "five.yaml", "-d", "folder:"),
        ("families", "five.yaml", "-d", "folder:"),
        ("export", "#0", "-o", "full"),
        ("export", "#0", "-o", "loop"),
        ("plan", "alone.yaml", "-n", "5"),
        ("plan", "heads", "--budget", "5m"),
        ("families", "heads"),
        ("doctor", "--db", "s://x"),
        ("list", "--db", "postgresql+foo://h/x"),
        ("backup", "copy.db", "--db", "postgresql+foo://h/x"),
        ("search", "", "-d", "digits", "--dry-run"),
        ("search", "five.yaml", "-d", "", "--dry-run"),
        ("search", "five.yaml", "--prefer", ",", "--dry-run"),
        ("search", "five.yaml", "--budget", "٣d", "--dry-run"),
        ("search", "five.yaml", "--dry-run", "--set", "recipe.warmup=[1"),
        ("search", "five.yaml", "--dry-run", "--set", "recipe.epochs=*a"),
        ("search", "five.yaml", "--dry-run", "--set", "recipe.epochs=!!int 3"),
        ("search", "five.yaml", "--dry-run", "--set", r'description="\ud800"'),
        ("search", "five.yaml", "--dry-run", "--set", "template=heads"),
        ("show", "٠"),
        ("report", "leaderboard", "--screen", "99"),
        ("trust", "runs.db"),
        ("data", "get", "cifar10", "--data-root", "runs.db"),
        ("status", "--db", "loop"),
        ("backup", "loop"),
    ],
    ids=" ".join,
)
def test_they_are_refused(here: Path, words: tuple[str, ...]) -> None:
    done = inside(*words, cwd=here)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_forges_no_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    echo("12 trials in the study a\nnas: done. 3 ok: look")
    echo("a\nb", err=True)
    maker = Maker(tmp_path / "runs.db")
    with Display(console, maker.ledger, "first") as display:
        display.say("x\nnas: done")
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "12 trials in the study a\\nnas: done. 3 ok: look",
        "x\\nnas: done",
    ]
    assert shown.err == "a\\nb\n"
    echo("def f():\n\tpass", lines=True)
    assert capsys.readouterr().out == "def f():\n\tpass\n"
