"""Screens: written whole, found by number or as the latest."""

from pathlib import Path

import pytest
from ledger_maker import SPACE, Maker

from nas.ledger import Ledger
from nas.ledger.screens import (
    SCORES,
    best_screened,
    known_of_all,
    put_fits,
    put_screen,
    screen_of,
    screen_of_experts,
    screened,
    unfitted,
)
from nas.schema import ProblemError, ScreenConfig


@pytest.fixture
def maker(where: Path | str) -> Maker:
    return Maker(where)


def put(ledger: Ledger, count: int, **config: int) -> int:
    rows = (
        {
            "families": "ant+bee",
            "members": f"ant_s+bee_{n}",
            **dict.fromkeys(SCORES),
            "uniform": 1 - n / count,
        }
        for n in range(count)
    )
    return put_screen(
        ledger,
        SPACE,
        ScreenConfig(**config),
        [],
        rows,
        total=99,
        val_images=1,
        test_images=2,
        seconds=3.0,
    )


@pytest.mark.parametrize("count", [0, 1, 5000, 12_001])
def test_every_row_comes_back_in_its_order(maker: Maker, count: int) -> None:
    ident = put(maker.ledger, count)
    frame = screened(maker.ledger, ident)
    assert list(frame.columns) == ["rank", "families", "members", *SCORES]
    assert frame["rank"].tolist() == list(range(1, count + 1))
    assert frame["uniform"].is_monotonic_decreasing
    assert frame["gate"].isna().all()
    assert frame["gate"].dtype == "float64"


def test_the_latest_or_one_by_its_number(maker: Maker) -> None:
    first, second = put(maker.ledger, 1), put(maker.ledger, 2)
    assert screen_of(maker.ledger).id == second
    assert screen_of(maker.ledger, first).id == first
    assert screen_of(maker.ledger).total == 99
    with pytest.raises(ProblemError, match="there is no screen 7"):
        screen_of(maker.ledger, 7)


def test_of_the_same_experts_the_fullest(maker: Maker) -> None:
    ids = [put(maker.ledger, count) for count in (3, 7, 7, 2)]
    assert screen_of_experts(maker.ledger, []) == ids[2]
    assert screen_of_experts(maker.ledger, ["other"]) is None


def test_what_was_fitted_later_is_read_and_chooses_nothing(maker: Maker) -> None:
    ledger, ident = maker.ledger, put(maker.ledger, 4, top=2)

    def names(*numbers: int) -> list[tuple[str, str]]:
        return [("ant+bee", f"ant_s+bee_{n}") for n in numbers]

    put_fits(ledger, ident, names(0, 1), {"probe": [0.5, 0.4], "gate": [0.1, float("nan")]})
    assert unfitted(ledger, ident, names(3, 1, 2, 8)) == names(2, 3)
    put_fits(ledger, ident, names(3, 2), {"probe": [0.9, 0.8]})
    put_fits(ledger, ident, names(0), {"probe": [0.0]})  # it has one
    frame = screened(ledger, ident)
    assert frame["probe"].tolist() == [0.5, 0.4, 0.8, 0.9]
    assert frame["gate"].isna().tolist() == [False, True, True, True]
    assert unfitted(ledger, ident, names(*range(4))) == []
    assert best_screened(ledger, ident, "probe", 4) == names(0, 1)
    assert known_of_all(frame) == ["uniform"]
    assert "probe" in known_of_all(screened(ledger, ident).head(2))


def test_scores_on_test_choose_nothing(maker: Maker) -> None:
    ident = put(maker.ledger, 3)
    with pytest.raises(ProblemError, match="use up the test set — choose by gate"):
        best_screened(maker.ledger, ident, "gate_test", 2)
    with pytest.raises(ProblemError, match="no score 'luck' — choose from uniform"):
        best_screened(maker.ledger, ident, "luck", 2)


def test_without_any_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="no screen is in this ledger") as caught:
        screen_of(Ledger(tmp_path / "runs.db", read_only=False))
    assert "nas bank" in str(caught.value)


def test_a_screen_that_breaks_off_leaves_nothing(maker: Maker) -> None:
    def rows() -> object:
        yield {"families": "a", "members": "b", **dict.fromkeys(SCORES)}
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        put_screen(
            maker.ledger,
            SPACE,
            ScreenConfig(),
            [],
            rows(),
            total=9,
            val_images=1,
            test_images=2,
            seconds=3.0,
        )
    with pytest.raises(ProblemError, match="no screen"):
        screen_of(maker.ledger)
