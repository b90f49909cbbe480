"""A template of a folder runs for whoever typed the space that names it, and for nobody else."""

from pathlib import Path

import pytest
from real_nas import inside

from nas import trust
from nas.ledger import Ledger
from nas.ledger import models as m
from nas.render import render, template_hash
from nas.schema import Candidate

TEMPLATE = '''"""A network that trains in a moment."""

from torch import nn

open({ran!r}, "a").close()
WIDTH = {{{{ axis("width", 2, minimum=1, maximum=9) | literal }}}}
{{% include "_layers.py.j2" %}}


def build(num_classes):
    return Net(num_classes)
'''
PARTIAL = """

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3 * 64, num_classes)

    def forward(self, x):
        return self.head(x.flatten(1))
"""
SPACE = """\
template: mine
image_size: 8
choices: {width: [1, 2, 3, 4]}
recipe: {epochs: 1, batch_size: 512, mixup_alpha: 0, augment: none}
"""
BRIEF = ("--executor", "inline", "--trials")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space of the default's name and a template; nobody consented to anything."""
    folder = tmp_path / "here"
    for name, text in (
        ("templates/mine.py.j2", TEMPLATE.format(ran=str(folder / "RAN"))),
        ("templates/_layers.py.j2", PARTIAL),
        ("search_spaces/tiny.yaml", SPACE),
        ("search_spaces/other.yaml", SPACE),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    return folder


def ran(here: Path) -> bool:
    return (here / "RAN").exists()


@pytest.mark.parametrize("typed", [(), ("tiny",)])
def test_a_name_of_nas_s_asks_for_no_code_of_a_folder(here: Path, typed: tuple[str, ...]) -> None:
    done = inside("search", *typed, *BRIEF, "1", cwd=here)
    assert done.returncode == 1
    assert f"tiny: reading {here}/search_spaces/tiny.yaml instead of nas's own" in done.stderr
    assert "`nas trust templates/mine.py.j2 templates/_layers.py.j2` allows it" in done.stderr
    assert not ran(here)
    assert not (here / "runs.db").exists()
    assert not trust.kept_in().exists()
    assert inside("trust", "templates", cwd=here).returncode == 0
    assert inside("search", *typed, *BRIEF, "1", cwd=here).returncode == 0
    assert ran(here)


@pytest.mark.parametrize("typed", ["search_spaces/tiny.yaml", "other"])
def test_what_a_typed_space_names_was_requested_and_is_remembered(here: Path, typed: str) -> None:
    done = inside("search", typed, *BRIEF, "1", cwd=here)
    assert done.returncode == 0, done.stderr
    assert ran(here)
    assert "stands in place" not in done.stderr
    assert "remember" not in done.stderr
    for words in (("resume", *BRIEF, "2"), ("confirm", "--top", "1", "--seeds", "1", *BRIEF[:2])):
        done = inside(*words, cwd=here)
        assert done.returncode == 0, done.stderr
    assert Ledger(here / "runs.db").candidates()["role"].tolist() == ["search"] * 2 + ["confirm"]


@pytest.mark.parametrize("words", [("resume", *BRIEF, "2"), ("confirm", *BRIEF[:2])])
def test_whoever_goes_on_with_a_campaign_asks_for_its_template(
    here: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Where it is not the one that this person consented to, that is told, and no consent to run
    it elsewhere."""
    assert inside("search", "other", *BRIEF, "1", cwd=here).returncode == 0
    (here / "RAN").unlink()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here.parent / "another"))
    assert inside("trust", "templates/mine.py.j2", cwd=here).returncode == 0
    line = "templates/_layers.py.j2: code of this folder runs, because other-digits uses it"
    done = inside(*words, cwd=here)
    assert done.returncode == 0, done.stderr
    assert line in done.stderr
    assert ran(here)
    assert inside("search", *BRIEF, "1", cwd=here).returncode == 1
    assert inside("trust", "templates/_layers.py.j2", cwd=here).returncode == 0
    assert line not in inside(*words, cwd=here).stderr


def test_a_typed_space_does_not_ask_for_what_stands_in_place_of_nas_s(here: Path) -> None:
    (here / "search_spaces" / "other.yaml").write_text(SPACE.replace("mine", "single"))
    (here / "templates" / "mine.py.j2").rename(here / "templates" / "single.py.j2")
    done = inside("search", "other", *BRIEF, "1", cwd=here)
    assert done.returncode == 1
    assert "`nas trust templates/single.py.j2` allows it" in done.stderr
    assert not ran(here)


def test_what_cannot_be_remembered_runs_all_the_same(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "search_spaces" / "tiny.yaml"))  # no folder
    done = inside("search", "other", *BRIEF, "1", cwd=here)
    assert done.returncode == 0, done.stderr
    assert (
        "templates/mine.py.j2, templates/_layers.py.j2: runs, but the consent cannot" in done.stderr
    )
    assert ran(here)


@pytest.mark.parametrize(
    ("words", "outcome"), [(("confirm", *BRIEF[:2]), "ok"), (("resume", *BRIEF, "2"), None)]
)
def test_a_row_of_another_template_than_its_campaign_s_does_not_run(
    here: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], outcome: str | None
) -> None:
    assert inside("search", "other", *BRIEF, "1", cwd=here).returncode == 0
    text = TEMPLATE.format(ran=str(here / "STRANGER"))
    (here / "templates" / "strange.py.j2").write_text(text)
    monkeypatch.chdir(here)
    with Ledger("runs.db", read_only=False).session() as session:
        [row] = session.query(m.Candidate).all()
        known = Candidate.model_validate(row.spec)
        other = known.with_(template="strange", template_hash=template_hash("strange"))
        row.spec = other.model_dump(mode="json")
        row.key, row.code, row.outcome = other.key, render(other), outcome
    done = inside(*words, cwd=here)
    assert done.returncode == 1
    assert "of the template strange, and its campaign of mine" in done.stderr
    assert not (here / "STRANGER").exists()
