"""Sessions of Ray that do not come up; in a module of its own, for none may be up already."""

import os
from pathlib import Path

import pytest
from scripted_driver import EVALUATE, ScriptedDriver

from nas.execute.executors.ray import RayExecutor
from nas.schema import ProblemError


@pytest.mark.ray
def test_a_ray_that_does_not_start_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**settings: object) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr("ray.init", init)
    environment = dict(os.environ)
    with pytest.raises(ProblemError) as caught:
        RayExecutor(evaluate=EVALUATE).run(ScriptedDriver([], tmp_path))
    assert str(caught.value) == (
        "--executor: Ray does not start (OSError: AF_UNIX path too long) — use local"
    )
    assert dict(os.environ) == environment
