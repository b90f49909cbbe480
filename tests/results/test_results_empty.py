"""A table without rows says why, whatever the campaign is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from arm_maker import draw, run
from ledger_maker import SPACE, Maker
from tracked import tracked

import nas
from nas.results import tables
from nas.schema import Choice, Space, Status, Variant

OF_CAMPAIGNS = sorted(
    name for name, path in tables().items() if tracked([path]) and not name.startswith("screen")
)
ARMS = Space(
    name="arms",
    template="heads",
    arms={head: (Variant(label=head, settings={"head": head}),) for head in ("dense", "soft")},
)
PLAIN = Space(name="plain", choices=(Choice(name="mixing", values=("soft", "top1")),))


def _families(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)


def _arms(maker: Maker) -> None:
    for label in ARMS.arms:
        run(maker, label, 0.5)


def _interrupted(maker: Maker) -> None:
    maker.start(draw(maker, "dense", "dense"))


def _failed(maker: Maker) -> None:
    run(maker, "dense", None, status=Status.CRASH)


def _nothing(maker: Maker) -> None:
    pass


CAMPAIGNS: dict[str, tuple[Space, Callable[[Maker], None]]] = {
    "families": (SPACE, _families),
    "plain": (PLAIN, lambda maker: maker.trained(val=0.5)),
    "arms": (ARMS, _arms),
    "interrupted": (ARMS, _interrupted),
    "failed": (ARMS, _failed),
    "nothing": (ARMS, _nothing),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Maker]:
    makers = {}
    for name, (space, fill) in CAMPAIGNS.items():
        path = tmp_path_factory.mktemp(name) / "runs.db"
        makers[name] = Maker(path, space=space, dataset="digits")
        fill(makers[name])
    return makers


@pytest.mark.parametrize("campaign", CAMPAIGNS)
@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_no_rows_have_a_reason(filled: dict[str, Maker], name: str, campaign: str) -> None:
    found = nas.table(name, filled[campaign].ledger)
    assert len(found) or found.attrs["empty"].endswith(".")


@pytest.mark.parametrize(
    ("name", "campaign", "reason"),
    [
        ("growth_events", "arms", "No network has grown."),
        ("hot_plug", "arms", "No run has an added expert"),
        ("pce", "arms", "This is about the template pce; that of arms is heads."),
        ("cooccurrence", "arms", "No candidate has two families or arms"),
        ("curvature", "arms", "`nas diagnose --all --only curvature`"),
        ("curvature", "families", "This is about arms, and the space toy has none."),
        ("routing_matrix", "families", "This is about arms, and the space toy has none."),
        (
            "curvature",
            "interrupted",
            "No run has succeeded, and 1 did not end: `nas resume -c first",
        ),
        ("leaderboard", "failed", "No run has succeeded: `nas report failures -c first"),
        ("leaderboard", "nothing", "Nothing was drawn yet: `nas resume -c first"),
        ("failures", "nothing", "No attempt has failed."),
    ],
)
def test_reasons(filled: dict[str, Maker], name: str, campaign: str, reason: str) -> None:
    found = nas.table(name, filled[campaign].ledger)
    assert found.empty
    assert reason in found.attrs["empty"]


def test_a_users_analysis_says_it_too(
    filled: dict[str, Maker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "analysis").mkdir()
    code = '"""Which?"""\n\n\ndef table(data):\n    return data.candidates.iloc[:0]\n'
    for name, more in (("mute", ""), ("told", '\n\nEMPTY = "There is no cheese."')):
        (tmp_path / "analysis" / f"{name}.py").write_text(code + more)
    ledger = filled["families"].ledger
    assert nas.table("told", ledger).attrs["empty"] == "There is no cheese."
    assert "Nothing in this campaign" in nas.table("mute", ledger).attrs["empty"]
