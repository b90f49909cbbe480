"""A campaign that an earlier nas stopped half-way, frozen with its files, goes on with this one."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from frozen_campaign import thaw
from real_nas import nas
from sqlalchemy import select

from nas import resources
from nas.campaign.proposals import Proposer
from nas.campaign.queue import WorkQueue
from nas.ledger import CampaignStore, Ledger, Owner
from nas.ledger import models as m
from nas.measure import NO_OVERHEAD
from nas.render import CandidateError, template_hash
from nas.sample import make_sampler
from nas.schema import Candidate, MemberProfile, Role


def outcomes(attempts: pd.DataFrame) -> list[tuple[int, str]]:
    return list(zip(attempts["number"], attempts["outcome"], strict=True))


def test_a_campaign_of_one_s_own_template_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    thaw("nano", tmp_path)
    nas("doctor", "--migrate", cwd=tmp_path)
    before = Ledger(tmp_path / "runs.db").epochs()
    nas("resume", "frozen", cwd=tmp_path)
    ledger = Ledger(tmp_path / "runs.db")
    attempts = ledger.attempts()
    assert outcomes(attempts) == [
        *[(0, "ok"), (1, "interrupted"), (1, "ok"), (2, "ok"), (3, "ok")],
    ]
    assert attempts["resumed_from"].tolist()[2] == attempts["attempt"].tolist()[1]
    after = ledger.epochs().groupby("attempt")["epoch"].agg(list)
    done = before.groupby("attempt")["epoch"].agg(list)
    assert after.loc[1] == done.loc[1]
    assert after.loc[2] == [1, 2, 3, 4]
    assert after.loc[3] == [5, 6]
    assert "Nothing was left to do" in nas("resume", "frozen", cwd=tmp_path)
    nas("export", "#0", "-o", "exported", cwd=tmp_path)
    assert (tmp_path / "exported" / "weights.safetensors").exists()


def moe4(folder: Path) -> tuple[Ledger, WorkQueue]:
    """The frozen campaign of moe4's candidates: one done, one interrupted; and its next work."""
    thaw("moe4", folder)
    ledger = Ledger(folder / "runs.db", read_only=False)
    row = ledger.campaign()
    space, config = row.space, row.config
    with ledger.session() as session:
        probes = [
            MemberProfile(**probe) for probe in session.scalars(select(m.MemberProfile.probe))
        ]
    proposer = Proposer(
        space,
        config.task,
        make_sampler(config.sampler, space, config.seed),
        {probe.member.model: probe for probe in probes},
        num_classes=10,
        measure=lambda *_: NO_OVERHEAD,
    )
    return ledger, WorkQueue(config, CampaignStore(ledger, row.id, Owner.me()), proposer)


def test_a_template_that_changed_since_has_its_open_candidate_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consent: Callable[..., None]
) -> None:
    own = tmp_path / "templates" / "moe4.py.j2"
    own.parent.mkdir()
    shipped = resources.shipped("templates") / own.name
    own.write_text(shipped.read_text(encoding="utf-8") + "# Changed.\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    consent(own)
    ledger, queue = moe4(tmp_path)
    before = ledger.candidates().iloc[1]
    leased = queue.next()
    assert leased is not None
    assert (leased.role, leased.number, leased.earlier) == (Role.SEARCH, 1, ())
    assert leased.code.endswith("# Changed.\n")
    assert leased.candidate.template_hash == template_hash("moe4")
    after = ledger.candidates()
    assert after["role"].tolist() == ["search", "superseded", "search"]
    assert after["outcome"].tolist()[:2] == ["ok", "superseded"]
    point = [*("families", "members", "number"), *(n for n in after if n.startswith("gate_"))]
    assert after.iloc[2][point].tolist() == before[point].tolist()
    assert after["key"].nunique() == 3
    following = queue.next()
    assert following is not None
    assert following.number == 2
    assert queue.next() is None  # three trials were asked for


def test_other_code_under_the_same_hash_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger, queue = moe4(tmp_path)
    with ledger.session() as session:
        row = session.scalars(select(m.Candidate).where(m.Candidate.number == 1)).one()
        candidate = Candidate.model_validate(row.spec)
        candidate = candidate.with_(template_hash=template_hash("moe4"))
        row.spec, row.key = candidate.model_dump(mode="json"), candidate.key
        row.code = "raise SystemExit\n" + row.code
    with pytest.raises(CandidateError, match="differs from what its template moe4 renders"):
        queue.next()
    assert ledger.candidates()["outcome"].isna().tolist() == [False, True]


RESUMED = {
    ("search", 1): 0.2965,
    ("search", 2): 0.2525,
    ("replicate", 0): 0.3178,
    ("replicate", 1): 0.2903,
    ("replicate", 2): 0.2995,
}
"""Validation losses with which the nas that began the campaign of arms ended it."""


def test_a_campaign_of_arms_ends_as_it_would_have_ended(tmp_path: Path) -> None:
    thaw("blend", tmp_path)
    nas("doctor", "--migrate", cwd=tmp_path)
    before = Ledger(tmp_path / "runs.db").candidates()
    nas("resume", "frozen", cwd=tmp_path)
    ledger = Ledger(tmp_path / "runs.db")
    after = ledger.candidates()
    assert after["key"].tolist()[:3] == before["key"].tolist()
    assert after["outcome"].tolist() == ["ok"] * 6
    attempts = ledger.attempts().set_index("attempt")
    ended = attempts[attempts["final"]]
    found = dict(
        zip(zip(ended["role"], ended["number"], strict=True), ended["val_loss"], strict=True)
    )
    assert {run: found[run] for run in RESUMED} == pytest.approx(RESUMED, abs=0.005)
    resumed = attempts[attempts["resumed_from"].notna()]
    epochs = ledger.epochs().groupby("attempt")["epoch"].agg(list)
    assert [epochs[attempt] for attempt in resumed.index] == [[6], [6]]
    assert "Nothing was left to do" in nas("resume", "frozen", cwd=tmp_path)
