"""`nas plan` of a space with arms."""

import json
from math import isnan
from pathlib import Path

import pytest
from arm_maker import run as trained
from ledger_maker import Maker
from real_nas import inside

from nas.schema import Space, Variant
from nas.stats.power import detectable_difference

OWN = """\
template: heads
arms: {dense: {head: dense}, soft: {head: soft}, sparse: {head: sparse, top_k: [2, 4]}}
reference: soft
replicates: 3
"""


def test_a_detectable_difference_is_that_of_the_t_test() -> None:
    """Three runs each: Welch's 4 degrees of freedom at equal variances; t quantiles 2.776445 and
    0.940965, standard error √(2/3)."""
    size = (2.776445 + 0.940965) * (2 / 3) ** 0.5
    assert detectable_difference(1, 1, 3) == pytest.approx(size, abs=1e-5)
    # One cell against two: squared error 1/3 + 2/12 = 1/2, freedom .25/((1/9 + 2/144)/2) = 4.
    assert detectable_difference(1, 2, 3) == pytest.approx(3.717410 / 2**0.5, abs=1e-5)
    assert isnan(detectable_difference(1, 1, 2)), "two results of the only cell: no interval"


def planned(here: Path, *words: str) -> tuple[int, str]:
    (here / "own.yaml").write_text(OWN)
    done = inside("plan", "own.yaml", *words, cwd=here)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_a_plan_counts_runs_and_compares_with_the_reference(tmp_path: Path) -> None:
    code, shown = planned(tmp_path, "--trials", "4", "--noise", "2")
    assert code == 0
    assert "own has 3 arms, 4 variants, and trains each 3 times: 12 runs" in shown
    assert "from the reference arm soft" in shown
    assert "6.07 points dense, 3 runs" in shown
    assert "sparse, 6 runs" in shown
    assert "soft," not in shown
    assert "More replicates find less" in shown
    assert "trains only" not in shown
    _, short = planned(tmp_path, "--trials", "3", "--noise", "2")
    assert "--trials 3 trains only 9 of them: an arm is compared when all of its variants" in short
    _, document = planned(tmp_path, "--trials", "40", "--json")
    found = json.loads(document)
    assert (found["replicates"], found["runs"], found["noise_points"]) == (3, 12, None)
    assert [arm["arm"] for arm in found["arms"]] == ["dense", "sparse"]


def test_a_budget_needs_a_campaign(tmp_path: Path) -> None:
    code, shown = planned(tmp_path, "--budget", "20m", "--noise", "1")
    assert code == 2
    assert "give --like CAMPAIGN, or --trials 4" in shown


def test_noise_and_time_are_those_of_a_campaign_s_runs(tmp_path: Path) -> None:
    arms = {head: (Variant(label=head, settings={"head": head}),) for head in ("dense", "soft")}
    space = Space(name="own", template="heads", arms=arms, replicates=3)
    maker = Maker(tmp_path / "runs.db", space=space, dataset="digits")
    for seed, (dense, soft) in enumerate([(0.70, 0.80), (0.72, 0.82), (0.74, 0.84)]):
        trained(maker, "dense", dense, seed=seed)
        trained(maker, "soft", soft, seed=seed)
    maker.store.heartbeat(60.0)
    maker.ledger.close()
    code, shown = planned(tmp_path, "--budget", "2m", "--like", "first", "--json")
    assert code == 0, shown
    found = json.loads(shown)
    assert found["noise_points"] == pytest.approx(2.0), "the arms' difference is no noise"
    assert found["candidate_seconds"] == pytest.approx(30.0), "a variant and its two replicates"
    assert found["trials"] == 4
    _, message = planned(tmp_path, "--budget", "2m", "--like", "first")
    assert "By first, a trial takes 30s with its replicates: 4 trials in the budget." in message
