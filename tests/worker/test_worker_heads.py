"""Candidates without timm experts, through a worker: their own experts have names and figures."""

from typing import Any

import pytest
from train_samples import finish

from nas.render import render
from nas.schema import Candidate, Recipe, Status, Task


@pytest.mark.parametrize("head", ["dense", "soft", "softmoe", "sparse"])
def test_a_head_is_trained_and_measured(make_trial: Any, head: str) -> None:
    drawn = Candidate(
        template="heads",
        template_hash="",
        image_size=16,
        channels=1,
        choices={"head": head, "width": 4, "experts": 3, "hidden": 8},
        recipe=Recipe(),
        task=Task(),
    )
    epochs, outcome = finish(make_trial(render(drawn), families=()))
    assert outcome.status is Status.OK, outcome.message
    assert len(epochs) == 2
    names = [(expert.family, expert.model) for expert in outcome.experts]
    mixture = head in ("soft", "sparse")
    assert names == ([("expert", "0"), ("expert", "1"), ("expert", "2")] if mixture else [])
    if mixture:
        assert sum(expert.usage for expert in outcome.experts) == pytest.approx(1)
        assert 0 <= outcome.oracle_val_acc <= 1  # for averaging it is no upper bound
