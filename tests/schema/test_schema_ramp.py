"""Ramps: values over a training."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nas.schema import Recipe
from nas.schema.ramp import COSINE, as_ramp, as_scheduled, value_at, values_of

PCE_BALANCE = [[0, 0], [0.067, 0], [0.067, 0.01], [0.1, 0.05], [0.44, 0.05], [1, 0.0005, COSINE]]
"""Nothing at first; up; held; down by half a cosine."""


def test_by_hand() -> None:
    ramp = as_ramp(PCE_BALANCE)
    assert value_at(ramp, 0.0) == 0
    assert value_at(ramp, 0.0669) == 0
    assert value_at(ramp, 0.067) == pytest.approx(0.01), "a jump is to the second point"
    assert value_at(ramp, 0.0835) == pytest.approx(0.03)
    assert value_at(ramp, 0.3) == pytest.approx(0.05)
    assert value_at(ramp, 0.72) == pytest.approx((0.05 + 0.0005) / 2), "half-way of the cosine"
    assert value_at(ramp, 0.58) == pytest.approx(0.05 - 0.0495 * 0.5 * (1 - 2**-0.5))
    assert value_at(ramp, 1.0) == pytest.approx(0.0005)


def test_before_the_first_point_and_after_the_last() -> None:
    ramp = as_ramp([[0.25, 3], [0.5, 1]])
    assert [value_at(ramp, share) for share in (0, 0.25, 0.5, 1)] == [3, 3, 1, 1]
    assert value_at(as_scheduled(2), 0.7) == 2


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (True, "a number, or a list"),
        ("0.1", "a number, or a list"),
        (float("inf"), "a number, or a list"),
        ([], "a list of points"),
        ([0.1, 0.2], "points"),
        ([[0.1]], "points"),
        ([[0.1, True]], "both numbers"),
        ([[0.1, float("nan")]], "both numbers"),
        ([[0.5, 1], [0.2, 1]], "rise"),
        ([[-0.1, 1]], "rise"),
        ([[0.1, 1], [1.1, 1]], "rise"),
        ([[0, 1], [1, 0, "sine"]], "cosine"),
    ],
)
def test_what_is_no_ramp(given: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        as_scheduled(given)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-5, 5)), min_size=1, max_size=6), st.floats(0, 1)
)
def test_no_value_leaves_the_range_of_the_points(
    points: list[tuple[float, float]], share: float
) -> None:
    ramp = as_ramp(sorted(points, key=lambda point: point[0]))
    values = values_of(ramp)
    assert min(values) - 1e-9 <= value_at(ramp, share) <= max(values) + 1e-9


class TestInRecipes:
    def test_they_are_plain_data_and_come_back(self) -> None:
        recipe = Recipe(
            balance_weight=PCE_BALANCE,
            losses={"z": 1e-4},
            knobs={"temperature": [[0.1, 2], [0.9, 0.85, COSINE]]},
            schedule=[[0, 0.1], [0.1, 1], [1, 0.1, COSINE]],
        )
        assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
        assert recipe.model_dump(mode="json")["schedule"][2] == [1.0, 0.1, "cosine"]

    def test_fields_that_older_recipes_lack_are_left_out_of_their_data(self) -> None:
        assert set(Recipe().model_dump()) == {
            *("procedure", "epochs", "batch_size", "lr", "weight_decay", "gate_lr_multiplier"),
            *("gate_weight_decay", "clip_norm", "label_smoothing", "mixup_alpha"),
            *("balance_weight", "warmup", "augment", "precision"),
        }

    @pytest.mark.parametrize(
        "fields",
        [
            {"balance_weight": -0.1},
            {"balance_weight": [[0, 1], [1, -1]]},
            {"losses": {"z": 1e7}},
            {"schedule": [[0, 1.5]]},
            {"schedule": 0.5},
            {"gate_schedule": [[0, -0.5]]},
            {"losses": {"balance": 0.1}},
            {"optimizer": "adam"},
            {"gate_clip_norm": 0},
        ],
    )
    def test_what_is_out_of_bounds(self, fields: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            Recipe(**fields)  # type: ignore[arg-type]

    def test_fields_by_their_dotted_names(self) -> None:
        recipe = Recipe(losses={"z": 0.1})
        changed = recipe.having({"lr": 0.5, "losses.z": 0, "losses.kl": 0.2})
        assert (changed.lr, changed.losses) == (0.5, {"z": 0.0, "kl": 0.2})
        assert recipe.losses == {"z": 0.1}
        for unknown in ("rate", "lr.z", "losses.balance"):
            with pytest.raises(ValidationError):
                recipe.having({unknown: 0.1})
