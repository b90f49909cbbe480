"""Files of a working directory run only where a person asked for them."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import typer
from ledger_maker import Maker
from typer.testing import CliRunner

from nas import resources, trust
from nas.campaign.checks import check_consent
from nas.campaign.dry_run import DryRun, as_json
from nas.campaign.proposals import Proposer
from nas.cli import consent as cli
from nas.cli.app import app
from nas.measure import Overhead
from nas.processes import Sandbox
from nas.render import CandidateError, runs_unasked
from nas.results import passed_over, table, tables
from nas.sample.samplers.uniform import UniformSampler
from nas.schema import Choice, ExpertAxis, Member, ProblemError, Recipe, SearchConfig, Space, Task

RUN = '__import__("pathlib").Path("PWNED").touch()\n'
OWN = f'"""What?"""\n{RUN}import pandas as pd\ndef table(data): return pd.DataFrame()\n'
NANO = f"""\
{RUN}
from torch import nn
WIDTH = {{{{ axis("width", 4, minimum=1, maximum=512) | literal }}}}


def build(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, WIDTH), nn.Linear(WIDTH, num_classes))
"""
SPACE = Space(
    name="nano",
    template="nano",
    image_size=8,
    choices=(Choice(name="width", values=(2, 3, 4, 5)),),
    recipe=Recipe(epochs=1),
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, and a configuration without consents."""
    folder = tmp_path / "here"
    for kind in trust.KINDS:
        (folder / kind).mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    return folder


def copied(here: Path, name: str) -> Path:
    """A shipped template in the working directory, changed."""
    path = here / "templates" / name
    text = (resources.shipped("templates") / name).read_text(encoding="utf-8")
    path.write_text(text + "# mine\n", encoding="utf-8")
    return path


class TestConsent:
    def test_it_is_to_a_content_wherever_it_lies(self, here: Path, tmp_path: Path) -> None:
        path = here / "analysis" / "leaderboard.py"
        path.write_text(OWN)
        assert not trust.is_trusted(OWN)
        trust.trust([path])
        path.unlink()
        assert trust.is_trusted(OWN)
        assert not trust.is_trusted(OWN + "\n")
        [(digest, where)] = json.loads(trust.kept_in().read_text()).items()
        assert (len(digest), where) == (64, str(path))
        assert trust.kept_in().is_relative_to(tmp_path / "configuration")

    @pytest.mark.parametrize("configured", [None, "", "configuration"])
    def test_it_is_never_kept_in_the_working_directory(
        self, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str | None
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        if configured is None:
            monkeypatch.delenv("XDG_CONFIG_HOME")
        else:
            monkeypatch.setenv("XDG_CONFIG_HOME", configured)
        assert trust.kept_in() == tmp_path / "home" / ".config" / "nas" / "trusted.json"

    def test_without_a_home_nobody_consented(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(number: int) -> None:
            raise KeyError(number)

        for name in ("XDG_CONFIG_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("pwd.getpwuid", unknown)
        (here / "analysis" / "leaderboard.py").write_text(OWN)
        assert passed_over() == [here / "analysis" / "leaderboard.py"]
        with pytest.raises(ProblemError, match="set HOME or XDG_CONFIG_HOME"):
            trust.trust([here / "analysis" / "leaderboard.py"])

    @pytest.mark.parametrize("content", ["", "[]", "\xff", "{", "[" * 9000])
    def test_a_damaged_one_is_none(self, here: Path, content: str) -> None:
        trust.kept_in().parent.mkdir(parents=True)
        trust.kept_in().write_text(content, encoding="latin-1")
        with pytest.raises(ProblemError):
            trust.is_trusted(OWN)
        (here / "analysis" / "leaderboard.py").write_text(OWN)
        assert passed_over() == [here / "analysis" / "leaderboard.py"]


class TestAnalyses:
    def test_one_with_a_shipped_name_is_passed_over_until_consented_to(
        self, here: Path, tmp_path: Path
    ) -> None:
        own = here / "analysis" / "leaderboard.py"
        own.write_text(OWN)
        maker = Maker(tmp_path / "runs.db")
        maker.trained("ant_s", "bee_s", val=0.5)
        assert passed_over() == [own]
        assert len(table("leaderboard", maker.ledger)) == 1
        assert not table("lift", maker.ledger).empty  # which asks for the leaderboard
        assert not (here / "PWNED").exists()
        trust.trust([own])
        assert passed_over() == []
        assert table("leaderboard", maker.ledger).empty
        assert (here / "PWNED").exists()
        own.write_text(OWN + "\n")
        assert passed_over() == [own]

    def test_one_of_another_name_is_requested_by_that_name(
        self, here: Path, tmp_path: Path
    ) -> None:
        (here / "analysis" / "mine.py").write_text(OWN)
        maker = Maker(tmp_path / "runs.db")
        assert passed_over() == []
        assert table("mine", maker.ledger).empty
        assert (here / "PWNED").exists()

    def test_a_link_to_the_shipped_one_is_the_shipped_one(self, here: Path) -> None:
        shipped = resources.shipped("analysis") / "lift.py"
        (here / "analysis" / "lift.py").symlink_to(shipped)
        assert passed_over() == []
        assert tables()["lift"].samefile(shipped)


class TestTemplates:
    @pytest.mark.parametrize("name", ["moe4.py.j2", "_gate.py.j2", "single.py.j2"])
    def test_one_with_a_shipped_name_is_refused_until_consented_to(
        self, here: Path, name: str
    ) -> None:
        families = {f"f{i}": (Member(model=f"m{i}"),) for i in range(4)}
        space = Space(name="mine", experts=ExpertAxis(k=2, families=families))
        check_consent(space, SearchConfig())
        own = copied(here, name)
        with pytest.raises(ProblemError, match="would replace") as caught:
            check_consent(space, SearchConfig())
        assert f"`nas trust {own}`" in caught.value.problem.fix
        if name == "single.py.j2":
            check_consent(space, SearchConfig(controls=False))
        trust.trust([own])
        check_consent(space, SearchConfig())
        own.write_text(own.read_text() + "# and more\n")
        with pytest.raises(ProblemError):
            check_consent(space, SearchConfig())

    def test_one_of_another_name_is_requested_with_its_space(self, here: Path) -> None:
        (here / "templates" / "nano.py.j2").write_text(NANO)
        check_consent(SPACE, SearchConfig())

    def test_one_that_appears_under_a_campaign_stops_it(self, here: Path) -> None:
        """It is told as other faults of a candidate are, so that what runs beside it ends well."""
        families = {f"f{i}": (Member(model=f"m{i}"),) for i in range(4)}
        space = Space(name="mine", experts=ExpertAxis(k=2, families=families))
        draw = Proposer(
            space, Task(), UniformSampler(space, 0), {}, num_classes=10, measure=lambda *_: None
        )
        assert draw([]) is not None
        own = copied(here, "moe4.py.j2")
        with pytest.raises(CandidateError, match="would replace"):
            draw([])
        trust.trust([own])
        drawn = draw([])
        assert drawn is not None
        assert drawn.code.endswith("# mine\n")

    def test_what_stands_beside_the_package_is_the_shipped_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(resources.shipped("templates").parent)
        assert runs_unasked("moe4")
        assert trust.in_question() == []


class TestDryRun:
    def test_an_own_template_is_text_until_consented_to(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own = here / "templates" / "nano.py.j2"
        own.write_text(NANO)
        messages: list[str] = []
        for drawn in DryRun(SPACE, SearchConfig(), 2, on_message=messages.append):
            found = as_json(drawn)
            assert found["params"] is found["macs"] is found["memory_bytes"] is None
            assert "WIDTH" in drawn.code
        assert ["nas trust templates" in line for line in messages] == [True]
        trust.trust([own])
        monkeypatch.setattr("nas.measure.gate.load_module", None)  # of this process
        [drawn] = DryRun(SPACE, SearchConfig(), 1, on_message=messages.append)
        assert as_json(drawn)["params"] is not None
        assert len(messages) == 1
        assert not (here / "PWNED").exists()  # it was run, and elsewhere

    def test_a_shipped_template_is_run_where_it_can_do_no_harm(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counted: list[str] = []

        class Gates:
            def __init__(self, sandbox: Sandbox, say: object, *, seconds: float) -> None:
                assert isinstance(sandbox, Sandbox)

            def __call__(self, code: str, *_: int) -> Overhead:
                counted.append(code)
                return Overhead(params=10**9)

        monkeypatch.setattr("nas.campaign.dry_run.GateCostProbe", Gates)
        families = {name: (Member(model=f"test_{name}"),) for name in ("resnet", "vit")}
        space = Space(name="mine", image_size=160, experts=ExpertAxis(k=2, families=families))
        messages: list[str] = []
        [drawn] = DryRun(space, SearchConfig(), 1, on_message=messages.append)
        assert counted == [drawn.code]
        assert drawn.cost is not None
        assert drawn.cost.params > 10**9
        assert messages == []


class TestCommand:
    @pytest.fixture
    def typed(self) -> Callable[..., str]:
        def call(*arguments: str, code: int = 0) -> str:
            done = CliRunner().invoke(app, ["trust", *arguments])
            if isinstance(done.exception, ProblemError):
                return str(done.exception)
            assert done.exit_code == code, done.output
            return done.output

        return call

    def test_what_needs_it_is_reported_and_then_not(
        self, here: Path, typed: Callable[..., str]
    ) -> None:
        assert "This folder has no template" in typed()
        copied(here, "moe4.py.j2")
        (here / "analysis" / "lift.py").write_text(OWN)
        (here / "analysis" / "mine.py").write_text(OWN)
        assert typed().splitlines() == [
            "templates/moe4.py.j2: `nas trust templates/moe4.py.j2`",
            "analysis/lift.py: `nas trust analysis/lift.py`",
        ]
        assert "templates/moe4.py.j2: may run, until it changes" in typed("templates")
        typed("analysis/lift.py")
        assert {line.partition(": ")[2] for line in typed().splitlines()} == {"may run"}
        assert runs_unasked("moe4")

    def test_what_is_no_file_or_has_none(self, here: Path, typed: Callable[..., str]) -> None:
        (here / "empty").mkdir()
        assert "no template and no analysis" in typed("empty")

    @pytest.mark.parametrize("answer", [True, False])
    def test_a_terminal_is_queried_and_others_are_reported(
        self,
        here: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        answer: bool,
    ) -> None:
        own = here / "analysis" / "lift.py"
        own.write_text(OWN)
        cli.ask_about_analyses()
        assert "`nas trust analysis/lift.py` allows it" in capsys.readouterr().err
        requests: list[str] = []

        def confirm(question: str, **_: object) -> bool:
            requests.append(question)
            return answer

        monkeypatch.setattr(typer, "confirm", confirm)
        for stream in ("stdin", "stderr"):
            monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
        cli.ask_about_analyses()
        assert requests == ["analysis/lift.py has the name of one of nas's own. Run it instead?"]
        assert (passed_over() == []) is answer
        assert ("allows it" in capsys.readouterr().err) is not answer
        copied(here, "single.py.j2")
        families = {f"f{i}": (Member(model=f"m{i}"),) for i in range(4)}
        space = Space(name="mine", experts=ExpertAxis(k=2, families=families))
        with nullcontext() if answer else pytest.raises(ProblemError, match="without your consent"):
            cli.ask_about_templates(space, SearchConfig())
        assert requests[1:] == [
            "templates/single.py.j2 has the name of one of nas's own. Run it instead?"
        ]
        assert runs_unasked("single") is answer
