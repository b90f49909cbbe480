"""Early stopping, benching, working time and weights: rules that need no ledger."""

from pathlib import Path

from nas.campaign.asha import Asha
from nas.campaign.controls import due
from nas.campaign.exclusions import excluded_for_failing
from nas.campaign.timer import BudgetTimer
from nas.campaign.weights import clear, keep_best
from nas.schema import Assignment, ExpertChoice, Record, Status


def test_rungs_stand_at_powers_of_eta_below_the_last_epoch() -> None:
    assert Asha(epochs=30).rungs == (1, 3, 9, 27)
    assert Asha(epochs=27).rungs == (1, 3, 9)
    assert Asha(epochs=1).rungs == ()
    assert Asha(epochs=10, first=2, eta=2).rungs == (2, 4, 8)


def test_a_rung_keeps_the_best_third_of_those_that_reached_it() -> None:
    asha = Asha(epochs=9)
    assert asha.promote(0.1, [])  # the first to arrive
    assert not asha.promote(0.1, [0.2])  # 2 seen: one place, taken
    assert asha.promote(0.3, [0.2])
    # 6 seen with this one, so 2 places: the second best goes on, the third best does not.
    others = [0.9, 0.5, 0.4, 0.3, 0.2]
    assert asha.promote(0.6, others)
    assert not asha.promote(0.45, others)


def _record(number: int, families: str, status: Status | None) -> Record:
    picks = tuple(ExpertChoice(f, f"m_{f}") for f in families)
    return Record(number, Assignment(picks=picks), status=status)


def test_a_family_is_benched_by_an_unbroken_run_of_failures() -> None:
    oom, good = Status.OOM, Status.OK
    records = [_record(0, "ab", oom), _record(1, "ac", oom), _record(2, "bc", good)]
    assert excluded_for_failing(records, 2) == {"a"}
    records.append(_record(3, "ab", good))
    assert excluded_for_failing(records, 2) == frozenset()
    records += [_record(4, "ab", None), _record(5, "ab", Status.PRUNED)]
    assert excluded_for_failing(records, 2) == frozenset()


def test_controls_are_due_for_members_of_successes_alone() -> None:
    records = [
        _record(0, "ab", Status.OK),
        _record(1, "bc", Status.OOM),
        _record(2, "bd", Status.OK),
    ]
    assert [pick.family for pick in due(records, {ExpertChoice("a", "m_a")})] == ["b", "d"]


def test_the_clock_counts_from_the_first_trial(working_time: list[float]) -> None:
    clock = BudgetTimer(worked=5.0, budget=10.0)
    working_time[0] += 50.0  # pre-flight takes a while
    clock.advance()
    assert clock.worked == 5.0
    clock.start()
    for _ in range(3):
        working_time[0] += 1.0
        clock.start()
        clock.advance()
    assert (clock.worked, clock.spent) == (8.0, False)
    assert (clock.unsaved(), clock.unsaved()) == (3.0, 0.0)
    working_time[0] += 2.0
    clock.advance()
    assert clock.spent


def test_keep_weights_keeps_the_best_and_the_earlier_of_equals(tmp_path: Path) -> None:
    scored = []
    for n, value in enumerate([0.5, 0.9, 0.7, 0.9, 0.1]):
        path = tmp_path / f"{n}"
        path.touch()
        scored.append((value, path))
    keep_best("all", scored)
    assert len(list(tmp_path.iterdir())) == 5
    keep_best("best:3", scored)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2", "3"]
    keep_best("best:1", scored)
    assert [p.name for p in tmp_path.iterdir()] == ["1"]
    keep_best("none", scored)
    assert not list(tmp_path.iterdir())


def test_clear_keeps_one_file_or_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "candidate" / "attempt"
    folder.mkdir(parents=True)
    for name in ("checkpoint.pt", "weights.safetensors"):
        (folder / name).touch()
    clear(folder, keep="weights.safetensors")
    assert [p.name for p in folder.iterdir()] == ["weights.safetensors"]
    clear(folder)
    clear(folder)
    assert not folder.parent.exists()  # nothing else was in it
