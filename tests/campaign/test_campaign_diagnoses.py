"""`nas diagnose`, from weights that a search has kept to what is printed of them."""

import json
import re
import shutil
import sys
from pathlib import Path

import diagnose_samples
import pytest
from real_nas import inside, nas_inside

from nas import resources
from nas.campaign import diagnoses
from nas.campaign.diagnoses import Callbacks, Conditions, diagnose
from nas.ledger import Ledger, Owner
from nas.ledger.drivers import at_work
from nas.ledger.lookup import find
from nas.registry import INSTRUMENTS
from nas.schema import WEIGHTS

HEADS = """\
template: heads
image_size: 16
arms:
  dense: {head: dense}
  sparse: {head: sparse, top_k: 2}
choices: {width: [4], experts: [4], hidden: [8]}
recipe: {epochs: 1, batch_size: 64, lr: 0.003, mixup_alpha: 0, augment: none}
"""

QUICK = "diversity,latency,routing"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a campaign of two candidates, one of which routes, and their weights."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "two.yaml").write_text(HEADS)
    words = ("search", "two.yaml", "-n", "2", "--executor", "inline", "--keep-weights", "all")
    nas_inside(*words, "--name", "two", cwd=folder)
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def weights(folder: Path, key: str) -> Path:
    [path] = (folder / "runs.files").rglob(f"{key}/*/{WEIGHTS}")
    return path


def keys(folder: Path) -> dict[str, str]:
    """Keys of the candidates, by their arm."""
    frame = Ledger(folder / "runs.db").candidates()
    return dict(zip(frame["families"], frame["key"], strict=True))


def found(folder: Path) -> dict[tuple[str, str], int]:
    """How many findings there are, by arm and instrument."""
    frame = Ledger(folder / "runs.db").diagnostics()
    rows = frame.drop_duplicates(["families", "instrument", "made_at"])
    return {
        (str(arm), str(name)): len(some)
        for (arm, name), some in rows.groupby(["families", "instrument"])
    }


def test_what_is_found_is_recorded_and_shown(folder: Path) -> None:
    printed = nas_inside("diagnose", "--all", "--only", QUICK, cwd=folder)
    both = [(a, i) for a in ("dense", "sparse") for i in ("diversity", "latency", "routing")]
    assert found(folder) == dict.fromkeys(both, 1)
    assert "time, batch of 64:" in printed
    assert "headlines; all" in printed
    assert "with -f csv" in printed
    every = nas_inside("report", "diagnose", "-f", "csv", cwd=folder)
    assert "test.head.expert_shares" in every
    assert "the model does not route" in every
    ledger = Ledger(folder / "runs.db")
    assert ledger.check() == []
    rows = ledger.diagnostics()
    assert set(rows["device"]) == {"cpu"}
    [environment] = rows["environment"].unique()
    assert environment == ledger.attempts()["environment"].iloc[0]  # the same machine

    # Its weights are those of the last epoch, on the same images in the same batches.
    mine = rows[rows["families"] == "sparse"]
    recorded = ledger.metrics()
    recorded = recorded[(recorded["split"] == "val") & (recorded["layer"] == "head")]
    assert len(recorded) > 5
    for row in recorded.itertuples():
        same = mine[mine["metric"] == f"val.head.{row.metric}"]
        several = same["position"].notna()
        [value] = same[~several | (same["position"] == row.expert).fillna(False)]["value"]
        assert value == pytest.approx(row.value)

    shown = nas_inside("show", keys(folder)["dense"], cwd=folder)
    assert "the model does not route" in shown
    assert "time, batch of 8: quartiles" in shown
    assert "nas report diagnose -f csv" in nas_inside("show", keys(folder)["sparse"], cwd=folder)
    [routing] = [
        finding
        for finding in json.loads(nas_inside("show", keys(folder)["sparse"], "--json", cwd=folder))[
            "diagnoses"
        ]
        if finding["instrument"] == "routing"
    ]
    assert sum(routing["data"]["val.head.expert_shares"]) == pytest.approx(1)

    table = json.loads(nas_inside("report", "diagnose", "--json", cwd=folder))
    dense = [row for row in table if row["families"] == "dense" and row["instrument"] == "routing"]
    assert [(row["figure"], row["finding"]) for row in dense] == [
        (None, "the model does not route")
    ]
    [shares] = [row for row in table if row["figure"] == "val.head.expert_shares"]
    assert (shares["value"], len(shares["finding"].split())) == (None, 4)
    assert (shares["title"], shares["unit"]) == ("share of the work, by expert, head, val", "share")
    [load] = {row["unit"] for row in table if row["figure"] == "other_work"}
    assert load == "share"


def test_figures_are_printed_with_titles_and_units(folder: Path) -> None:
    words = ("diagnose", keys(folder)["sparse"], "--only", "routing,diversity")
    printed = nas_inside(*words, "-f", "md", cwd=folder)
    assert "| figure | finding |" in printed
    [row] = [
        line for line in printed.splitlines() if "share of the work, by expert, head, test" in line
    ]
    assert re.search(r"[0-9.]+, [0-9.]+, [0-9.]+, [0-9.]+ %", row)
    assert "test.head" not in printed
    assert "indecision of the router in nats, head, val" in printed, "md has all"
    screen = nas_inside(*words, cwd=folder)
    assert "indecision of the router in nats" not in " ".join(screen.split())


def test_work_of_other_programs_is_recorded_and_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnoses, "examine", diagnose_samples.on_a_busy_machine)
    done = inside("diagnose", keys(folder)["dense"], "--only", "latency,routing", cwd=folder)
    assert done.returncode == 0
    assert "CPUs used by other programs meanwhile 50.00 % (times are too long" in done.stderr
    assert done.stderr.count("too long") == 1
    assert "50.00 % (times are too long" in nas_inside("report", "diagnose", "-f", "md", cwd=folder)


def test_a_second_run_does_nothing_but_show(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("diagnose", "best", "--only", "routing", "-f", "csv")
    first = nas_inside(*words, cwd=folder)
    nas_inside("diagnose", "best", "--only", "routing", "--again", cwd=folder)
    assert list(found(folder).values()) == [2]
    monkeypatch.setattr(diagnoses.Sandbox, "call", None)  # fails where it is used
    again = nas_inside(*words, cwd=folder)
    assert list(found(folder).values()) == [2]
    assert [line.split(",")[:4] for line in again.splitlines()] == [
        line.split(",")[:4] for line in first.splitlines()
    ]


def test_json_is_one_document(folder: Path) -> None:
    out = nas_inside("diagnose", "0", "1", "#0", "--only", "routing", "--json", cwd=folder)
    assert {(row["number"], row["instrument"]) for row in json.loads(out)} == {
        (0, "routing"),
        (1, "routing"),
    }
    assert set(found(folder).values()) == {1}


@pytest.mark.parametrize(
    ("fake", "limit", "why"),
    [
        (diagnose_samples.dies_in_latency, "60s", "killed by SIGKILL"),
        (diagnose_samples.hangs_in_latency, "8s", "no answer after 8 s; killed"),
    ],
)
def test_an_instrument_that_fails_is_reported_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fake: object, limit: str, why: str
) -> None:
    monkeypatch.setattr(diagnoses, "examine", fake)
    done = inside(
        *("diagnose", keys(folder)["sparse"], "--only", QUICK, "--time-limit", limit), cwd=folder
    )
    assert done.returncode == 1
    assert "What did `nas diagnose` find" in done.stdout
    assert found(folder) == {("sparse", name): 1 for name in ("diversity", "routing")}
    [line] = [line for line in done.stderr.splitlines() if "latency" in line]
    assert "latency fails: " in line
    assert why in line


def test_a_candidate_without_sound_weights_is_left_out(folder: Path) -> None:
    known = keys(folder)
    path = weights(folder, known["dense"])
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    words = ("diagnose", "--only", "routing")
    done = inside(*words, "--all", cwd=folder)
    assert done.returncode == 1
    assert "cannot be examined" in done.stderr
    assert "their checksum is not the one that was recorded" in done.stderr
    assert list(found(folder)) == [("sparse", "routing")]
    done = inside(*words, known["dense"], cwd=folder)
    assert done.returncode == 1
    assert "nothing could be examined" in done.stderr
    path.unlink()
    done = inside(*words, known["dense"], cwd=folder)
    assert done.returncode == 1
    assert "are not there: the campaign keeps all" in done.stderr
    weights(folder, known["sparse"]).unlink()
    done = inside(*words, "--all", cwd=folder)
    assert done.returncode == 1
    assert "no candidate's weights are kept" in done.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["diagnose", "7"], "no candidate matches '7'"),
        (["diagnose", "control", "3"], "no candidate matches 'control 3'"),
        (["diagnose", "0", "--only", "rooting"], "did you mean routing?"),
        (["diagnose", "0", "--only", ","], "names no instrument"),
        (["diagnose"], "name candidates, or give --all"),
        (["diagnose", "0", "--all"], "--all names every candidate itself"),
        (["diagnose", "0", "--time-limit", "soon"], "--time-limit"),
        (["diagnose", "0", "-c", "tow"], "did you mean two?"),
    ],
)
def test_wrong_words(folder: Path, words: list[str], why: str) -> None:
    done = inside(*words, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert why in " ".join(done.stderr.split())
    assert found(folder) == {}


def test_latency_is_measured_alone(folder: Path) -> None:
    ledger = Ledger(folder / "runs.db", read_only=False)
    with at_work(ledger, ledger.campaign("two").id, Owner.me()):
        done = inside("diagnose", keys(folder)["sparse"], "--only", QUICK, cwd=folder)
    assert done.returncode == 1
    assert "latency is not measured while two is running" in done.stderr
    assert found(folder) == {("sparse", name): 1 for name in ("diversity", "routing")}


def test_an_instrument_whose_package_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left out, unless it is asked for."""
    for name in ("hessian", "instruments.curvature", "instruments.surface"):
        monkeypatch.delitem(sys.modules, f"nas.diagnose.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "curvlinops", None)
    why = "the instrument curvature needs the package curvlinops, which is not installed"
    how = "pip install 'nas-moe[curvature]'"
    done = inside("diagnose", keys(folder)["dense"], "--only", "curvature", cwd=folder)
    assert done.returncode == 1
    assert why in done.stderr
    assert how in " ".join(done.stderr.split())
    assert found(folder) == {}
    done = inside("diagnose", keys(folder)["dense"], cwd=folder)
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "too long" not in line]  # a busy machine
    for line, name in zip(lines, ("curvature", "surface"), strict=True):
        assert line.startswith("left out: " + why.replace("curvature", name))
        assert how in line
    others = set(INSTRUMENTS.names()) - {"curvature", "surface"}
    assert found(folder) == {("dense", name): 1 for name in others}


def test_what_was_found_before_a_stop_stays(folder: Path) -> None:
    ledger = Ledger(folder / "runs.db", read_only=False)
    candidates = [find(ledger, key) for key in keys(folder).values()]

    def watch(number: int, total: int, what: str) -> None:
        assert total == 2
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        diagnose(ledger, candidates, ["routing"], Conditions(), Callbacks(watch=watch))
    assert list(found(folder).values()) == [1]


def test_ctrl_c_ends_the_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnoses, "diagnose", stopped)
    done = inside("diagnose", "0", cwd=folder)
    assert done.returncode == 130
    assert "what was found is recorded" in done.stderr


def test_code_of_another_template_is_not_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    shipped = resources.shipped("templates") / "heads.py.j2"
    own = folder / "templates" / shipped.name
    own.parent.mkdir()
    own.write_text(shipped.read_text() + "# mine\n")
    done = inside("diagnose", "0", "--only", "routing", cwd=folder)
    assert done.returncode == 1
    assert "would run without your consent" in done.stderr
    nas_inside("trust", str(own), cwd=folder)
    done = inside("diagnose", "0", "--only", "routing", cwd=folder)
    assert done.returncode == 1
    assert "its template has changed since" in done.stderr
    assert found(folder) == {}


def test_only_may_be_repeated(folder: Path) -> None:
    words = ("diagnose", keys(folder)["sparse"], "--only", "routing", "--only", "diversity")
    nas_inside(*words, cwd=folder)
    assert found(folder) == {("sparse", name): 1 for name in ("diversity", "routing")}
