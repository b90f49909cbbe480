"""With a real Ray, `make test` runs a few of the contract's tests and `make proof` the others."""

import pytest

QUICK = (
    "test_every_trial_is_done_exactly_once_and_in_order",
    "test_what_fails_is_an_outcome_and_the_next_runs",
    "test_a_second_worker_runs_at_the_same_time",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name == "test_execute_ray.py" and item.name not in QUICK:
            item.add_marker(pytest.mark.proof)
