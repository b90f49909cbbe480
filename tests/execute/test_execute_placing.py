"""Placing trials on GPUs, without any trial or GPU."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.execute.placing import PATIENCE, WHOLE, Placing, sixteenths

NEEDS = (1, 2, 4, 8, 16)


def placing(gpus: int, *needs: int) -> Placing:
    """A queue of trials 1, 2, … of which none is placed yet."""
    made = Placing(gpus)
    for trial, need in enumerate(needs, start=1):
        made.enter(trial, need)
    return made


@pytest.mark.parametrize(
    ("share", "parts"),
    [(None, 16), (1.0, 16), (0.5, 8), (0.25, 4), (1 / 16, 1), (0.3, 5), (0.001, 1)],
)
def test_shares_are_counted_in_sixteenths(share: float | None, parts: int) -> None:
    assert sixteenths(share) == parts


@pytest.mark.parametrize("need", [0, 17])
def test_what_no_gpu_has_is_refused(need: int) -> None:
    with pytest.raises(ValueError, match=f"not {need}"):
        Placing(1).enter(1, need)


def test_small_trials_spread_over_the_gpus() -> None:
    assert placing(2, 4, 4, 4, 4).place() == [(1, 0), (2, 1), (3, 0), (4, 1)]


def test_a_small_trial_leaves_an_empty_gpu_to_a_whole_one_behind_it() -> None:
    line = placing(2, 4)
    assert line.place() == [(1, 0)]
    line.enter(2, 4)  # alone it would go to the empty GPU 1
    line.enter(3, 16)
    assert line.place() == [(2, 0), (3, 1)]


def test_while_somebody_waits_the_emptiest_gpu_is_left_to_him() -> None:
    line = placing(2, 8, 4)
    assert line.place() == [(1, 0), (2, 1)]
    line.enter(3, 16)
    line.enter(4, 4)
    assert line.place() == [(4, 0)]  # without the third it would go to GPU 1
    line.leave(2)
    assert line.place() == [(3, 1)]


def test_a_whole_one_starts_after_seven_others_at_the_latest() -> None:
    """One GPU, quarters that end one by one and are followed by others."""
    line = placing(1, 4, 4, 4, 4, 16)
    line.place()
    started = []
    for ended, fresh in zip([*range(1, 5), *range(6, 13)], range(6, 17), strict=True):
        line.leave(ended)
        line.enter(fresh, 4)
        started += [trial for trial, _ in line.place()]
    # 6 … 12 are seven; then four ends drain the GPU, and no other trial starts.
    assert started[: PATIENCE + 1] == [6, 7, 8, 9, 10, 11, 12, 5]
    assert line.gpu_of(5) == 0


def test_one_waiting_large_trial_holds_up_one_gpu_alone() -> None:
    line = placing(2, 8, 8, 8, 8)
    line.place()
    line.enter(5, 16)
    overtook = []
    running = [2, 4]  # on GPU 1; GPU 0's go on and on
    for fresh in range(6, 30):
        line.leave(running.pop(0))
        line.enter(fresh, 8)
        overtook += [trial for trial, gpu in line.place() if gpu == 1]
        running.append(fresh)
    # The drained GPU is the emptier when the patience ends; here both are full, so it is GPU 0.
    assert line.draining(0)
    assert not line.draining(1)
    assert overtook == list(range(6, 30))
    line.leave(1)
    line.enter(40, 8)
    assert line.place() == []  # GPU 0 is kept for the whole one
    line.leave(3)
    assert line.place() == [(5, 0)]


def test_what_others_leave_is_dealt_out_and_no_more() -> None:
    placing = Placing(1)
    placing.leave_room(0, 12)  # a quarter is with others
    for trial in range(1, 5):
        placing.enter(trial, 4)
    assert [trial for trial, _ in placing.place()] == [1, 2, 3]
    placing.leave_room(0, 16)
    assert placing.place() == [(4, 0)]
    placing.leave_room(0, 8)  # what runs, runs on
    assert placing.free(0) == -8
    placing.enter(5, 1)
    assert placing.place() == []


def test_a_gpu_that_others_fill_gets_nobody() -> None:
    placing = Placing(2)
    placing.leave_room(1, 0)
    for trial in range(1, 4):
        placing.enter(trial, 8)
    assert placing.place() == [(1, 0), (2, 0)]
    placing.leave_room(0, 0)  # and where there is no other, one a GPU asks that itself
    assert placing.place() == [(3, 1)]
    placing.enter(4, 1)
    assert placing.place() == []


def test_who_asks_for_more_than_is_left_has_the_most_to_himself() -> None:
    placing = Placing(2)
    placing.leave_room(0, 3)
    placing.leave_room(1, 12)
    placing.enter(1, 16)
    placing.enter(2, 8)  # which GPU 1 could hold, and GPU 0 could not
    placing.enter(3, 2)
    assert placing.place() == [(1, 1), (3, 0)]
    assert placing.free(1) == -4
    placing.leave(1)
    assert placing.place() == [(2, 1)]


def test_a_retired_gpu_takes_nobody_and_what_it_had_goes_elsewhere() -> None:
    line = placing(2, 4, 16, 4)
    assert line.place() == [(1, 0), (2, 1), (3, 0)]
    line.retire(1)
    line.give_back(2)
    assert line.alive == (0,)
    assert line.place() == []
    line.enter(4, 4)
    line.leave(1)
    assert line.place() == [(4, 0)]  # overtakes it once
    for trial in (3, 4):
        line.leave(trial)
    assert line.place() == [(2, 0)]
    line.retire(0)
    line.give_back(2)
    assert line.alive == ()
    assert line.place() == []
    assert line.waiting == (2,)


def out_of_patience() -> Placing:
    """Trial 4 wants a whole GPU and was overtaken seven times: four that filled up GPU 0, the
    fuller, and three on GPU 1."""
    line = placing(2, 4, 4, 8)
    line.place()
    line.enter(4, 16)
    for small in range(5, 5 + PATIENCE):
        line.enter(small, 1)
    line.place()
    assert (line.waiting, line.free(0), line.free(1)) == ((4,), 0, 9)
    return line


def test_the_emptier_gpu_is_drained() -> None:
    line = out_of_patience()
    assert [line.draining(gpu) for gpu in (0, 1)] == [False, True]


def test_when_a_draining_gpu_is_retired_another_is_drained() -> None:
    line = out_of_patience()
    line.retire(1)
    assert line.place() == []
    assert line.draining(0)


def test_a_gpu_that_others_fill_is_not_drained_in_vain() -> None:
    line = out_of_patience()
    line.leave_room(1, 10)
    assert line.place() == []
    assert [line.draining(gpu) for gpu in (0, 1)] == [True, False]


def test_a_trial_out_of_patience_is_not_overtaken_when_it_comes_back() -> None:
    line = out_of_patience()
    for trial in (2, 9, 10, 11):
        line.leave(trial)
    assert line.place() == [(4, 1)]
    line.retire(1)
    line.give_back(4)
    line.leave(8)
    line.enter(12, 1)
    assert line.place() == []


def test_a_trial_given_back_stands_where_it_stood() -> None:
    line = placing(1, 16, 16, 16)
    assert line.place() == [(1, 0)]
    line.give_back(1)
    assert line.waiting == (1, 2, 3)


def test_what_idle_processes_keep_needs_room_too() -> None:
    line = placing(1, 8, 4)
    line.place()
    assert line.free(0) == 4
    assert line.crowd(0, {}) == []
    assert line.crowd(0, {"a": 2, "b": 2}) == []
    assert line.crowd(0, {"a": 1, "b": 4, "c": 2}) == ["b"]
    assert line.crowd(0, {"a": 4, "b": 4, "c": 2}) == ["a", "b"]
    line.enter(3, 4)
    line.place()
    assert line.crowd(0, {"a": 1, "b": 4}) == ["b", "a"]


@settings(max_examples=50)
@given(st.integers(1, 4), st.data())
def test_whatever_comes(gpus: int, data: st.DataObject) -> None:
    line, count = Placing(gpus), 0
    need: dict[int, int] = {}
    on: dict[int, int] = {}
    rooms = [WHOLE] * gpus
    overtaken: Counter[int] = Counter()
    for _ in range(data.draw(st.integers(1, 80))):
        event = data.draw(
            st.sampled_from(["enter"] * 4 + ["leave"] * 3 + ["give back", "retire", "room"])
        )
        if event == "enter":
            count += 1
            need[count] = data.draw(st.sampled_from(NEEDS))
            line.enter(count, need[count])
        elif event == "leave" and on:
            trial = data.draw(st.sampled_from(sorted(on)))
            line.leave(trial)
            del on[trial]
        elif event == "give back" and on:
            trial = data.draw(st.sampled_from(sorted(on)))
            line.give_back(trial)
            del on[trial]
        elif event == "retire" and len(line.alive) > 1 and data.draw(st.booleans()):
            line.retire(data.draw(st.sampled_from(line.alive)))
        elif event == "room":
            gpu = data.draw(st.integers(0, gpus - 1))
            rooms[gpu] = data.draw(st.sampled_from([0, 4, 12, WHOLE]))
            line.leave_room(gpu, rooms[gpu])
        most = max(rooms[gpu] for gpu in line.alive)
        waited = list(line.waiting)
        assert waited == sorted(waited)
        placed = line.place()
        drained = {entry.trial: entry.drains for entry in line._line}
        for trial, gpu in placed:
            assert gpu in line.alive
            on[trial] = gpu
            for earlier in (other for other in line.waiting if other < trial):
                if overtaken[earlier] < PATIENCE:
                    overtaken[earlier] += 1
                else:
                    assert gpu != drained[earlier]
        for trial in line.waiting:
            assert (drained[trial] is not None) == (overtaken[trial] == PATIENCE)
        for gpu in range(gpus):
            taken = sum(need[trial] for trial, where in on.items() if where == gpu)
            assert taken <= WHOLE
            assert line.free(gpu) == rooms[gpu] - taken
        for position, trial in enumerate(line.waiting):
            for gpu in line.alive:
                kept = gpu in (drained[earlier] for earlier in line.waiting[:position])
                assert min(need[trial], most) > line.free(gpu) or kept
    # Nobody starves: as those that run end, first started first, all get their turn.
    for _ in range(len(on) + len(line.waiting)):
        if not on:
            break
        trial = min(on)
        line.leave(trial)
        del on[trial]
        on |= dict(line.place())
    assert line.waiting == ()
