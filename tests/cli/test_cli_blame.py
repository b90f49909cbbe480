"""An error in a space names the part that causes it: the line of its file, or the option."""

import re
from pathlib import Path

import pytest
from real_nas import inside

from nas.resources import shipped


def refused(here: Path, *words: str) -> tuple[int, str]:
    done = inside("search", *words, "-d", "digits", "--dry-run", cwd=here)
    return done.returncode, done.stderr.splitlines()[-1]


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize(
    ("old", "new", "blamed"),
    [
        ("  patch: [4]", "  patch: [3]", "patch: [3]"),
        ("image_size: 32", "image_size: 28", "image_size: 28"),
    ],
)
def test_what_all_arms_have_is_no_arm_s_fault(
    tmp_path: Path, old: str, new: str, blamed: str
) -> None:
    text = (shipped("search_spaces") / "pce.yaml").read_text()
    assert old in text
    text = re.sub(re.escape(old), new, text, count=1)
    (tmp_path / "own.yaml").write_text(text)
    code, message = refused(tmp_path, "own.yaml")
    assert code == 1
    assert message.startswith(f"nas: own.yaml:{line_of(text, blamed)}: patch ")
    assert "does not divide" in message


def test_of_an_arm_the_setting_is_named(tmp_path: Path) -> None:
    text = """\
template: pce
arms:
  dense: {experts: 1, patch: 4}
  moe:
    experts: [2, 4]
    patch: [3]
  wrong:
    experts: 2
    stem: %s
choices: {width: [16], stages: [2]}
"""
    (tmp_path / "own.yaml").write_text(text % "large")
    assert refused(tmp_path, "own.yaml")[1].startswith("nas: own.yaml:6: patch 3 does not divide")
    (tmp_path / "own.yaml").write_text(text % "larg")
    assert refused(tmp_path, "own.yaml")[1].startswith("nas: own.yaml:9: 'larg' is not a value")


@pytest.mark.parametrize(
    ("words", "where", "message"),
    [
        (["routing", "recipe.settings.domains=confuson"], None, "did you mean confusion?"),
        (["routing", "recipe.settings.domain=given"], None, "did you mean domains?"),
        (["routing", "arms.linear.recipe.settings.domains=x"], None, "'x' is not a value"),
        (["heads", "arms.dense.head=dens"], None, "did you mean dense?"),
        (["pce", "choices.patch=[3]"], None, "patch 3 does not divide 16"),
        (["pce", "image_size=28"], None, "patch 4 does not divide 14"),
        (["heads", "image_size=8"], None, "more slots than an image has tokens"),
        (["heads", "recipe.losses.zz=0.1"], "--set", "in recipe.losses — did you mean z?"),
        (["heads", "recipe.losses.imprtance=1"], "--set", "did you mean importance?"),
    ],
)
def test_a_wrong_setting_is_the_option_s(
    tmp_path: Path, words: list[str], where: str | None, message: str
) -> None:
    space, setting = words
    code, line = refused(tmp_path, space, "--set", setting)
    assert code == 2
    assert line.startswith(f"nas: {where or '--set ' + setting.partition('=')[0]}: ")
    assert message in line


def test_an_error_of_the_file_stays_the_file_s(tmp_path: Path) -> None:
    text = (shipped("search_spaces") / "routing.yaml").read_text()
    text = text.replace("settings: {domains: given}", "settings: {domains: givn}")
    (tmp_path / "own.yaml").write_text(text)
    code, message = refused(tmp_path, "own.yaml", "--set", "recipe.lr=0.1")
    assert code == 1
    line = line_of(text, "settings: {domains: givn}")
    assert message.startswith(f"nas: own.yaml:{line}: 'givn' is not a value")


def test_an_unknown_loss_of_an_arm(tmp_path: Path) -> None:
    text = "template: heads\narms:\n  dense: {head: dense}\n  soft: {head: soft, %s}\n"
    for loss in ("recipe.losses.zz: [1, 2]", "recipe: {losses: {zz: 1}}"):
        (tmp_path / "own.yaml").write_text(text % loss)
        code, message = refused(tmp_path, "own.yaml")
        assert code == 1
        assert message.startswith(
            "nas: own.yaml:4: unknown loss 'zz' in arms.soft[0].recipe.losses"
        )
        assert message.endswith("did you mean z?")
