"""Profiles: measured once, remembered in the ledger; a death is not remembered."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nas.campaign import profiling
from nas.campaign.profiling import conditions_for, feasible, profile_members, unsound_members
from nas.ledger import Ledger
from nas.measure import Crowded
from nas.processes import Answer, Failure
from nas.schema import ExpertAxis, Member, MemberProfile, ProblemError, SearchConfig, Space

MEMBERS = [Member(model="test_resnet"), Member(model="test_vit"), Member(model="test_nfnet")]


class FakeSandbox:
    """Answers at once: one member is sound, one fails, one kills its process."""

    calls: list[str] = []

    def __enter__(self) -> "FakeSandbox":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def call(
        self, function: Any, member: Member, under: Any, timeout: float
    ) -> Answer[MemberProfile]:
        self.calls.append(member.model)
        if member.model == "test_nfnet":
            return Answer(None, Failure.DIED, "the process crashed with SIGSEGV")
        sound = member.model == "test_resnet"
        return Answer(
            MemberProfile(member=member, ok=sound, problem="" if sound else "does not build")
        )


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    FakeSandbox.calls = []
    monkeypatch.setattr(profiling, "Sandbox", FakeSandbox)
    return Ledger(tmp_path / "runs.db", read_only=False)


def space() -> Space:
    families = {m.model.removeprefix("test_"): (m,) for m in MEMBERS}
    return Space(name="s", experts=ExpertAxis(k=2, families=families))


def test_a_member_is_profiled_once_but_a_death_is_looked_at_again(ledger: Ledger) -> None:
    under = conditions_for(space(), SearchConfig(), 10)
    seen: list[tuple[int, int]] = []
    first = profile_members(ledger, MEMBERS, under, watch=lambda n, of, _: seen.append((n, of)))
    assert [first[m.model].ok for m in MEMBERS] == [True, False, False]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    FakeSandbox.calls.clear()
    second = profile_members(ledger, MEMBERS, under)
    assert FakeSandbox.calls == ["test_nfnet"] * 2
    assert second == first
    assert second["test_nfnet"].problem == "the process crashed with SIGSEGV, twice"


@pytest.mark.parametrize("failure", Failure)
def test_an_accident_is_looked_at_again_in_a_fresh_process(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, failure: Failure
) -> None:
    """Memory that ran out and CUDA's errors are raised; the process dies of a crash in a kernel,
    and hangs: none of that need be the member's fault, nor the next one's."""
    processes: list[list[str]] = [[]]

    class Once(FakeSandbox):
        def call(
            self, function: Any, member: Member, under: Any, timeout: float
        ) -> Answer[MemberProfile]:
            processes[-1].append(member.model)
            if member.model == "test_vit" and len(processes) == 1:
                return Answer(None, failure, "an accident")
            return Answer(MemberProfile(member=member, ok=True))

        def close(self) -> None:
            processes.append([])

    monkeypatch.setattr(profiling, "Sandbox", Once)
    under = conditions_for(space(), SearchConfig(), 10)
    found = profile_members(ledger, MEMBERS, under)
    assert all(profile.ok for profile in found.values())
    assert processes == [["test_resnet", "test_vit"], ["test_vit", "test_nfnet"]]
    assert len(ledger.cached_profiles(under)) == 3


def test_memory_that_others_hold_is_waited_for(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    class Full(FakeSandbox):
        def call(self, function: Any, member: Member, under: Any, timeout: float) -> Answer[Any]:
            self.calls.append(member.model)
            if len(waited) < 3:
                return Answer(Crowded("OutOfMemoryError: CUDA out of memory"))
            return Answer(MemberProfile(member=member, ok=True))

    monkeypatch.setattr(profiling, "Sandbox", Full)
    monkeypatch.setattr(profiling, "time", SimpleNamespace(sleep=waited.append))  # others sleep too
    messages: list[str] = []
    under = conditions_for(space(), SearchConfig(), 10)
    found = profile_members(ledger, MEMBERS, under, on_message=messages.append)
    assert all(profile.ok for profile in found.values())
    assert waited == [10, 20, 40]
    assert FakeSandbox.calls == ["test_resnet"] * 4 + ["test_vit", "test_nfnet"]
    assert messages[0] == (
        "test_resnet: its pre-flight waits for memory that other programs hold; next attempt"
        " in 10 s"
    )


def test_but_not_for_ever(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Full(FakeSandbox):
        def call(self, function: Any, member: Member, under: Any, timeout: float) -> Answer[Any]:
            return Answer(Crowded("OutOfMemoryError: CUDA out of memory"))

    monkeypatch.setattr(profiling, "Sandbox", Full)
    monkeypatch.setattr(profiling, "time", SimpleNamespace(sleep=waited.append))  # others sleep too
    under = conditions_for(space(), SearchConfig(), 10)
    with pytest.raises(ProblemError, match="held the GPU's memory for 60 minutes"):
        profile_members(ledger, MEMBERS, under)
    assert 3000 < sum(waited) <= 3600
    assert ledger.cached_profiles(under) == {}


def test_on_gpus_it_is_one_that_works(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[int] = []

    class OnGpu(FakeSandbox):
        def __init__(self, gpus: int, on_message: Any) -> None:
            requests.append(gpus)
            on_message("GPU 0 does not work")

    monkeypatch.setattr(profiling, "GpuSandbox", OnGpu)
    messages: list[str] = []
    under = conditions_for(space(), SearchConfig(), 10).with_(device="a card")
    found = profile_members(ledger, MEMBERS[:1], under, gpus=3, on_message=messages.append)
    assert found["test_resnet"].ok
    assert requests == [3]
    assert messages == ["GPU 0 does not work"]


def test_other_conditions_are_other_profiles(ledger: Ledger) -> None:
    for classes in (10, 100):
        profile_members(ledger, MEMBERS[:1], conditions_for(space(), SearchConfig(), classes))
    assert FakeSandbox.calls == ["test_resnet"] * 2


def test_a_dry_run_too_knows_which_members_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(member: Member, *_: int) -> tuple[int, int]:
        if member.model == "test_vit":
            raise ProblemError("refuses 64×64 images", fix="give it args")
        return 7, 8

    monkeypatch.setattr(profiling, "meta_cost", build)
    failed = unsound_members(MEMBERS, conditions_for(space(), SearchConfig(), 10))
    assert failed == {
        "test_vit": MemberProfile(
            member=MEMBERS[1], ok=False, problem="refuses 64×64 images — give it args"
        )
    }


def test_too_few_sound_families_say_why(ledger: Ledger) -> None:
    profiles = profile_members(ledger, MEMBERS, conditions_for(space(), SearchConfig(), 10))
    with pytest.raises(ProblemError, match=r"too few families pass.*SIGSEGV.*does not build"):
        feasible(space(), profiles)
