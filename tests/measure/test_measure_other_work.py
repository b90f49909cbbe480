"""How busy other programs keep the machine."""

from typing import NamedTuple

import pytest

from nas.measure.other_work import TOO_BUSY, OtherWork, other_work, share_of_others


class Times(NamedTuple):
    user: float
    system: float
    idle: float
    iowait: float = 0.0


@pytest.mark.parametrize(
    ("after", "own", "share"),
    [
        (Times(4.0, 0.0, 6.0), 4.0, 0.0),  # only this process worked
        (Times(8.0, 1.0, 1.0), 4.0, 0.5),  # 9 of 10 busy, 4 of them its own
        (Times(0.0, 0.0, 5.0, 5.0), 0.0, 0.0),  # waiting for a disk is no work
        (Times(3.0, 0.0, 7.0), 4.0, 0.0),  # clocks of different grain
        (Times(0.0, 0.0, 0.0), 1.0, 0.0),  # a system that counts nothing
    ],
)
def test_by_hand(after: Times, own: float, share: float) -> None:
    assert share_of_others(Times(0.0, 0.0, 0.0), after, own) == pytest.approx(share)


def test_times_are_too_long_from_a_tenth_on() -> None:
    assert not OtherWork(TOO_BUSY).disturbs
    assert OtherWork(TOO_BUSY + 0.01).disturbs


def test_it_is_known_after_the_block() -> None:
    with other_work() as seen:
        sum(range(10**6))
    assert 0.0 <= seen.share <= 1.0
    assert seen.load >= 0.0
