"""A space of arms can be exhausted: commands say how many runs there are, and how many are done."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from arm_maker import draw, run
from ledger_maker import Maker
from real_nas import inside

from nas.campaign.run import RunResult
from nas.cli.run_and_print import _closing_line
from nas.ledger.summary import summary
from nas.schema import Choice, Space, Variant

ARMS = Space(
    name="own",
    template="heads",
    arms={
        "dense": (Variant(label="dense", settings={"head": "dense"}),),
        "sparse": tuple(
            Variant(label=f"sparse({k})", settings={"head": "sparse", "top_k": k}) for k in (2, 4)
        ),
    },
    replicates=3,
    choices=(Choice(name="width", values=(4, 8)),),
)
OWN = """\
template: heads
arms:
  dense: {head: dense, hidden: [%s]}
  sparse: {head: sparse, hidden: 8, experts: 4, top_k: 2}
choices: {width: [4]}
replicates: 3
"""


def own(here: Path, variants: int) -> None:
    (here / "own.yaml").write_text(OWN % ", ".join(str(8 * n) for n in range(1, variants + 1)))


def test_a_dry_run_lists_all_of_a_small_space(tmp_path: Path) -> None:
    own(tmp_path, 11)
    done = inside("search", "own.yaml", "-d", "digits", "--dry-run", cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 12, "also above ten, what is shown of larger spaces"
    assert "own holds 36 runs: 12 variants × 3 replicates." in done.stderr
    assert "Shown" not in done.stderr


def test_a_dry_run_says_that_there_are_more(tmp_path: Path) -> None:
    own(tmp_path, 11)
    words = ("search", "own.yaml", "-d", "digits", "--dry-run")
    done = inside(*words, "--trials", "2", cwd=tmp_path)
    assert "Shown: 2 of 12 candidates; --trials 12 shows all." in done.stderr
    own(tmp_path, 120)
    done = inside(*words, "-f", "csv", cwd=tmp_path)
    assert len([*csv.reader(StringIO(done.stdout))]) == 11, "a header, and ten rows"
    assert "Shown: 10 of 121 candidates; --trials N shows more." in done.stderr


def test_a_dry_run_counts_parameters_of_any_size(tmp_path: Path) -> None:
    own(tmp_path, 1)
    done = inside("search", "own.yaml", "-d", "digits", "--dry-run", cwd=tmp_path)
    assert "0.0" not in done.stdout
    assert " k  " in done.stdout


def test_runs_that_are_done_and_planned(tmp_path: Path) -> None:
    """6 candidates of 3 runs each; one that failed has no replicates."""

    def counted() -> tuple[int | None, int]:
        found = summary(maker.ledger)
        return found.planned_runs, found.ended_runs

    maker = Maker(tmp_path / "runs.db", space=ARMS, dataset="digits")
    assert counted() == (18, 0)
    run(maker, "dense", 0.5, width=4)
    run(maker, "dense", 0.5, width=4, seed=1)
    assert counted() == (18, 2)
    run(maker, "dense", None, width=8)
    maker.start(draw(maker, "sparse", "sparse(2)", width=4))
    assert counted() == (16, 3)
    line = _closing_line(
        maker.ledger, "first", RunResult(None), summary(maker.ledger), confirmed=False
    )
    assert "1 nan, 1 ok, 1 unfinished, 1 replicate ok; 3 of 16 runs done" in line
    maker.ledger.close()
    assert "3 of 16" in inside("status", cwd=tmp_path).stdout


@pytest.mark.parametrize(("trials", "planned"), [(2, 6), (40, 18)])
def test_trials_bound_the_runs(tmp_path: Path, trials: int, planned: int) -> None:
    maker = Maker(tmp_path / "runs.db", space=ARMS, dataset="digits", trials=trials)
    assert summary(maker.ledger).planned_runs == planned


def test_a_space_of_families_has_no_such_end(tmp_path: Path) -> None:
    assert summary(Maker(tmp_path / "runs.db").ledger).planned_runs is None
