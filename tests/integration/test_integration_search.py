"""A campaign end to end on real digits, through the command line."""

import json
import subprocess
from pathlib import Path

import pytest
from real_nas import nas, nas_inside, results, write_space

import nas as package
from nas.schema import Role

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished campaign of four candidates and their controls."""
    folder = tmp_path_factory.mktemp("campaign")
    space = write_space(folder)
    messages = nas("search", space, "--trials", "4", "--executor", "local", "-w", "2", cwd=folder)
    assert "Which candidates are best" in messages
    return folder


def test_every_candidate_and_control_has_a_result(campaign: Path) -> None:
    found = results(campaign)
    assert set(found.values()) == {"ok"}
    roles = [role for role, _ in found]
    assert roles.count(Role.SEARCH) == 4
    frame = package.Ledger(campaign / "runs.db").candidates()
    drawn = {
        f for families in frame.query("role == 'search'")["families"] for f in families.split("+")
    }
    assert roles.count(Role.CONTROL) == len(drawn)


def test_the_dry_run_foretells_the_campaign(campaign: Path, tmp_path: Path) -> None:
    lines = nas_inside(
        "search", str(campaign / "five.yaml"), "--dry-run", "--trials", "4", "--json", cwd=tmp_path
    )
    predicted = [one["key"] for one in json.loads(lines)["candidates"]]
    frame = package.Ledger(campaign / "runs.db").candidates().query("role == 'search'")
    assert predicted == list(frame.sort_values("number")["key"])
    assert not (tmp_path / "runs.db").exists()


def test_the_dry_run_of_a_campaign_goes_on_with_its_sequence(campaign: Path) -> None:
    space = str(campaign / "five.yaml")
    name = package.Ledger(campaign / "runs.db").campaign_names()[0]
    both = nas_inside(
        "search", space, "--dry-run", "--trials", "6", "--json", "--db", "x.db", cwd=campaign
    )
    rest = nas_inside(
        "search", space, "--dry-run", "--trials", "2", "--json", "--name", name, cwd=campaign
    )
    keys = [one["key"] for one in json.loads(both)["candidates"]]
    later = json.loads(rest)["candidates"]
    assert [line["key"] for line in later] == keys[4:]
    assert all(line["memory_bytes"] > 0 for line in later)  # the probe cache knows


def test_reports_in_every_format(campaign: Path) -> None:
    rows = json.loads(nas_inside("report", "leaderboard", "--format", "json", cwd=campaign))
    assert len(rows) == 4
    assert rows[0]["val_acc"] == max(row["val_acc"] for row in rows) > 0.5
    for question in ("family_yield", "cooccurrence", "coverage", "failures"):
        for form in ("table", "csv", "md"):
            assert nas_inside("report", question, "--format", form, cwd=campaign)


def test_a_report_from_python_equals_the_commands(campaign: Path) -> None:
    ledger = package.Ledger(campaign / "runs.db")
    frame = package.table("leaderboard", ledger)
    rows = json.loads(nas_inside("report", "leaderboard", "--format", "json", cwd=campaign))
    assert list(frame["key"]) == [row["key"] for row in rows]


def test_status_and_show_speak_json(campaign: Path) -> None:
    status = json.loads(nas_inside("status", "--json", cwd=campaign))
    assert status["state"] == "done"
    shown = json.loads(nas_inside("show", "#0", "--json", cwd=campaign))
    assert shown["outcome"] == "ok"
    assert "def build(" in nas_inside("show", "#0", "--code", cwd=campaign)


EXPORTED = """
import json, sys, torch
sys.path.insert(0, "exported")
sys.modules["nas"] = None  # an import of nas would fail
from safetensors.torch import load_file
import model as exported
config = json.load(open("exported/config.json"))
net = exported.build(config["num_classes"])
net.load_state_dict(load_file("exported/weights.safetensors"))
torch.manual_seed(0)
with torch.no_grad():
    logits = net.eval()(torch.randn(8, 3, config["image_size"], config["image_size"]))
print(json.dumps(logits.tolist()))
"""


def test_an_export_gives_the_trials_logits_where_nas_is_absent(campaign: Path) -> None:
    import sys

    import torch
    from safetensors.torch import load_file

    from nas.train import load_model

    nas_inside("export", "#0", "-o", "exported", cwd=campaign)
    assert (campaign / "exported" / "README.md").read_text()
    done = subprocess.run(
        [sys.executable, "-c", EXPORTED], cwd=campaign, capture_output=True, text=True, check=True
    )
    exported = torch.tensor(json.loads(done.stdout))

    ledger = package.Ledger(campaign / "runs.db")
    row = ledger.attempts().query("role == 'search' and number == 0").iloc[0]
    weights = ledger.files / row["folder"] / "weights.safetensors"
    model = load_model(nas_inside("show", "#0", "--code", cwd=campaign), 10)
    model.load_state_dict(load_file(weights))
    torch.manual_seed(0)
    with torch.no_grad():
        expected = model.eval()(torch.randn(8, 3, 32, 32))
    assert (exported - expected).abs().max() <= 1e-5


def test_confirm_retrains_the_leaders_with_new_seeds(campaign: Path) -> None:
    nas_inside(
        "confirm", "--top", "1", "--seeds", "2", "--executor", "local", "-w", "2", cwd=campaign
    )
    frame = package.Ledger(campaign / "runs.db").candidates().query("role == 'confirm'")
    assert list(frame["outcome"]) == ["ok", "ok"]
    board = package.table("leaderboard", package.Ledger(campaign / "runs.db"))
    assert frame["families"].unique() == [board["families"].iloc[0]]
