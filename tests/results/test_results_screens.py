"""Reports on a screen, on numbers small enough to check by hand."""

import pytest
from documented_columns import documented_columns
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_maker import SPACE, Maker
from real_nas import nas_inside

import nas
from nas.ledger.records import ScreenExpert
from nas.ledger.screens import SCORES, put_screen
from nas.results import tables
from nas.schema import ProblemError, ScreenConfig

SCREENS = ["screen", "screen_families", "screen_front", "screen_pairs"]
UNIFORM = {
    "ant+bee": 0.9,
    "ant+cat": 0.8,
    "bee+cat": 0.6,
    "ant+dog": 0.5,
    "bee+dog": 0.4,
    "cat+dog": 0.4,
}


@pytest.fixture
def screened(maker: Maker) -> Maker:
    """All six pairs of four families; the first three have fits, of which the second is best."""
    gates = {"ant+bee": 0.90, "ant+cat": 0.95, "bee+cat": 0.7}
    rows = [
        {
            "families": families,
            "members": "+".join(f"{family}_s" for family in families.split("+")),
            **dict.fromkeys(SCORES),
            "uniform": uniform,
            "oracle": uniform + 0.1,
            "params": 1e6,
            "latency": 0.001,
            "gate": gates.get(families),
            "probe": gates.get(families),
        }
        for families, uniform in UNIFORM.items()
    ]
    experts = [
        ScreenExpert(f, f, f"{f}_s", val_acc=n / 10, seconds=1.0)
        for n, f in enumerate(("ant", "bee", "cat", "dog"), start=5)
    ]
    config = ScreenConfig(dataset="digits")
    put_screen(
        maker.ledger,
        SPACE,
        config,
        experts,
        rows,
        total=6,
        val_images=100,
        test_images=50,
        seconds=1.0,
    )
    return maker


@pytest.mark.parametrize("name", SCREENS)
def test_every_column_is_documented(screened: Maker, name: str) -> None:
    table = nas.table(name, screened.ledger)
    assert not table.empty
    assert sorted(documented_columns(tables()[name])) == sorted(table.columns)


@pytest.mark.parametrize("name", SCREENS)
def test_what_is_printed_is_about_no_campaign(screened: Maker, name: str) -> None:
    shown = nas_inside("report", name, cwd=screened.path.parent)
    assert "screen 1: 4 experts" in shown
    assert "campaign first" not in shown
    assert "draw" not in shown  # whose audit would be another matter


def test_it_is_the_latest_s_or_the_named_campaign_s_or_the_named_one(screened: Maker) -> None:
    """The campaign was drawn from the first of two, whose dogs alone were right on .8."""
    ledger = screened.ledger
    row = ledger.campaign("first")
    ledger.update_config(row.id, row.config.with_(screen=1))
    rows = [{"families": "ant+bee", "members": "ant_s+bee_s", **dict.fromkeys(SCORES)}]
    rows[0] |= {"uniform": 0.7, "oracle": 0.8}
    experts = [ScreenExpert(f, f, f"{f}_s", val_acc=0.1, seconds=1.0) for f in ("ant", "bee")]
    counts = {"total": 1, "val_images": 100, "test_images": 50, "seconds": 1.0}
    put_screen(ledger, SPACE, ScreenConfig(dataset="digits"), experts, rows, **counts)  # type: ignore[arg-type]

    def alone(**which: object) -> dict[str, float]:
        found = nas.table("screen_families", ledger, **which)  # type: ignore[arg-type]
        return dict(zip(found["family"], found["alone"], strict=True))

    first, second = {"ant": 0.5, "bee": 0.6, "cat": 0.7, "dog": 0.8}, {"ant": 0.1, "bee": 0.1}
    assert alone() == alone(screen=2) == alone(campaign="first", screen=2) == second
    assert alone(campaign="first") == alone(screen=1) == first


@pytest.mark.parametrize("name", SCREENS)
def test_without_a_screen_it_says_how_to_make_one(maker: Maker, name: str) -> None:
    with pytest.raises(ProblemError, match="no screen is in this ledger"):
        nas.table(name, maker.ledger)


def test_mixtures_stand_by_their_probe_then_by_their_average(screened: Maker) -> None:
    table = nas.table("screen", screened.ledger)
    assert table["families"].tolist() == [
        *("ant+cat", "ant+bee", "bee+cat", "ant+dog", "bee+dog", "cat+dog"),
    ]
    assert table["rank"].tolist() == [2, 1, 3, 4, 5, 6]
    note = table.attrs["note"]
    assert "4 experts of toy on digits" in note
    assert "on 100 validation images" in note
    assert "standard error of 3.00 points" in note  # √(.9 · .1 / 100)
    assert "drawn uniformly" not in note


def test_families_by_hand(screened: Maker) -> None:
    table = nas.table("screen_families", screened.ledger).set_index("family")
    assert table.loc["ant", "uniform"] == pytest.approx((0.9 + 0.8 + 0.5) / 3)
    assert table.loc["ant", "without"] == pytest.approx((0.6 + 0.4 + 0.4) / 3)
    assert table.loc["ant", "gain"] == pytest.approx(0.8 / 3)
    assert table.index.tolist() == ["ant", "bee", "cat", "dog"]
    assert table["mixtures"].tolist() == [3, 3, 3, 3]
    assert table["in_best"].tolist() == [1.0, 1.0, 0.0, 0.0]  # a hundredth of six is one
    assert table["alone"].tolist() == [0.5, 0.6, 0.7, 0.8]
    assert table.loc["dog", "best"] == 0.5


def test_pairs_by_hand(screened: Maker) -> None:
    table = nas.table("screen_pairs", screened.ledger)
    row = table.set_index(["family_a", "family_b"]).loc[("ant", "bee")]
    mean = sum(UNIFORM.values()) / 6
    own = {"ant": 2.2 / 3, "bee": 1.9 / 3}
    assert row["synergy"] == pytest.approx(0.9 - own["ant"] - own["bee"] + mean)
    assert table["synergy"].is_monotonic_decreasing
    assert table["mixtures"].tolist() == [1] * 6


def test_a_sample_says_so(screened: Maker) -> None:
    put_screen(
        screened.ledger,
        SPACE,
        ScreenConfig(dataset="digits"),
        [],
        [{"families": "ant+bee", "members": "a+b", **dict.fromkeys(SCORES), "uniform": 0.5}],
        total=4_000_000,
        val_images=100,
        test_images=50,
        seconds=1.0,
    )
    note = nas.table("screen", screened.ledger).attrs["note"]
    assert "1 of 4,000,000 mixtures, drawn uniformly" in note
    assert len(nas.table("screen", screened.ledger, screen=1)) == 6
    with pytest.raises(ProblemError, match="there is no screen 9"):
        nas.table("screen", screened.ledger, screen=9)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_the_front_is_what_comparing_all_with_all_gives(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, int, int]]
) -> None:
    maker = Maker(tmp_path_factory.mktemp("front") / "runs.db")
    ordered = sorted(points, reverse=True)
    rows = [
        {
            "families": "ant+bee",
            "members": f"a+b{n}",
            **dict.fromkeys(SCORES),
            "uniform": accuracy / 4,
            "params": float(params),
            "latency": float(latency),
        }
        for n, (accuracy, params, latency) in enumerate(ordered)
    ]
    sizes = {"total": len(rows), "val_images": 10, "test_images": 10, "seconds": 1.0}
    put_screen(maker.ledger, SPACE, ScreenConfig(dataset="digits"), [], rows, **sizes)
    found = nas.table("screen_front", maker.ledger)
    front = {
        point
        for point in points
        if not any(
            other != point
            and other[0] >= point[0]
            and all(o <= p for o, p in zip(other[1:], point[1:], strict=True))
            for other in points
        )
    }
    got = [
        (round(4 * u), int(p), int(s))
        for u, p, s in zip(found["uniform"], found["params"], found["latency"], strict=True)
    ]
    assert sorted(got) == sorted(front)
    maker.ledger.close()
