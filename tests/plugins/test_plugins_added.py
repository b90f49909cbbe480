"""One file adds one thing: each file that docs/extending.md prints, added and used."""

import json
import pstats
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from added_files import place
from campaign_bench import Bench, ok
from executor_contract import ScriptedDriver
from ledger_maker import Maker
from routings import routing
from torch import nn
from train_samples import MIXTURE

import nas.data
from nas.campaign.checks import check_recipes
from nas.campaign.tracking import make_recorder
from nas.data.batches import Data
from nas.execute import make_executor
from nas.measure.figures import figures
from nas.moe import loss
from nas.render import check_space
from nas.sample import make_sampler
from nas.schema import Candidate, Epoch, Phase, ProblemError, Recipe, Status, Task, UsageError
from nas.space import load
from nas.space.models import place_in
from nas.train import load_model, procedure
from nas.train.seeding import seed_everything

Add = Callable[..., None]
CPU = torch.device("cpu")


def train(few: Data, name: str = "joint", **recipe: object) -> tuple[list[Epoch], list[nn.Module]]:
    """A small mixture's epochs, and its experts as each of them left them."""
    settings = {"epochs": 2, "batch_size": 20, "lr": 3e-3, "mixup_alpha": 0.0} | recipe
    seed_everything(0, epoch=0)
    model = load_model(MIXTURE, 10)
    training = procedure(name)(model, few, Recipe.model_validate(settings), device=CPU, seed=0)
    epochs, weights = [], [model.experts[0][0].weight.clone()]  # type: ignore[index, union-attr]
    for epoch in training.events():
        epochs.append(epoch)
        weights.append(model.experts[0][0].weight.clone())  # type: ignore[index, union-attr]
    return epochs, weights  # type: ignore[return-value]


def test_a_sampler_draws_in_a_campaign(add: Add, tmp_path: Path) -> None:
    add("nas/sample/samplers/first_undrawn.py")
    bench = Bench(tmp_path, sampler="first-undrawn", trials=17)
    bench.run(ok)
    drawn = [(trial.candidate.families, trial.candidate.choices) for trial in bench.trials]
    pairs = [("f0", f"f{n}") for n in range(1, 6)] + [("f1", f"f{n}") for n in range(2, 6)]
    assert drawn[:9] == [(pair, {"mixing": "soft"}) for pair in pairs]
    assert drawn[15:] == [(pair, {"mixing": "top1"}) for pair in pairs[:2]]


def test_a_sampler_is_a_choice_of_the_command_line(tmp_path: Path) -> None:
    path = "nas/sample/samplers/first_undrawn.py"
    _, _, folder = place(path, "raise AssertionError('help imports no sampler')", tmp_path)
    code = (
        "import sys, nas.sample.samplers as s\n"
        f"s.__path__.append({str(folder)!r})\n"
        "from nas.cli import complete\n"
        "from nas.registry import SAMPLERS\n"
        "print(complete.registered(SAMPLERS)(None, 'fi'))\n"
        "from nas.cli.__main__ import main\n"
        "sys.argv = ['nas', 'search', '--help']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    completed, _, shown = done.stdout.partition("\n")
    assert completed == "['first-undrawn']", done.stderr
    assert "first-undrawn" in shown


def test_an_executor_runs_trials(add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add("nas/execute/executors/profiled.py")
    monkeypatch.chdir(tmp_path)
    executor = make_executor("profiled")
    executor.evaluate = "fake_evaluate:evaluate"
    driver = ScriptedDriver(["ok 2", "ok 1"], tmp_path / "trials")
    executor.run(driver)
    assert [outcome.status for outcome in driver.outcomes.values()] == [Status.OK, Status.OK]
    profile = pstats.Stats("nas.prof")
    assert any(name == "evaluate" for _, _, name in profile.stats)  # type: ignore[attr-defined]


def test_a_tracker_gets_every_epoch_and_end(add: Add, tmp_path: Path) -> None:
    add("nas/campaign/trackers/jsonl.py")
    bench = Bench(tmp_path, trials=2)
    driver = bench.drive()
    driver.recorder = make_recorder("jsonl", bench.ledger, "c", bench.messages.append)
    bench.run(ok, driver)
    driver.recorder.close()
    path = tmp_path / "runs.files" / "1" / "log.jsonl"
    assert f"logging to JSON lines: {path}" in bench.messages
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("epoch", line.get("outcome")) for line in lines] == [1, 2, "ok"] * 2
    assert {line["val_acc"] for line in lines if "epoch" in line} == {0.5}


def test_a_data_set_is_loaded_by_name(add: Add, tmp_path: Path) -> None:
    add("nas/data/sources/stripes.py")
    assert "stripes" in [source.typed for source in nas.data.describe()]
    nas.data.check("stripes", tmp_path)
    assert nas.data.num_classes("stripes", tmp_path) == 2
    data = nas.data.load(
        Task(dataset="stripes"), image_size=8, channels=1, root=tmp_path, device=CPU
    )
    assert (len(data.train), len(data.val), len(data.test)) == (120, 40, 40)
    ((x, labels),) = data.val.batches(1000)
    constant_along = (x.std(dim=3) < 1e-6).all(dim=(1, 2))
    assert torch.equal(constant_along, labels == 0)


def test_a_procedure_trains(add: Add, few: Data) -> None:
    add("nas/train/procedures/gate_first.py")
    epochs, weights = train(few, "gate_first")
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert torch.equal(weights[1], weights[0])  # type: ignore[arg-type]
    assert not torch.equal(weights[2], weights[1])  # type: ignore[arg-type]
    [event] = epochs[1].events
    assert (event.kind, event.step) == ("experts_train", few.train.steps(20))


def test_a_procedure_has_settings(add: Add, few: Data) -> None:
    add("nas/train/procedures/gate_first.py")
    epochs, weights = train(few, "gate_first", settings={"alone": 0})
    assert not torch.equal(weights[1], weights[0])  # type: ignore[arg-type]
    assert [len(epoch.events) for epoch in epochs] == [1, 0]
    with pytest.raises(ProblemError, match="no setting 'alon' — did you mean alone"):
        train(few, "gate_first", settings={"alon": 1})
    with pytest.raises(ProblemError, match="-1 is not a value of alone — give it 0 to 10000"):
        train(few, "gate_first", settings={"alone": -1})


def test_a_space_searches_the_settings_of_its_procedure(add: Add, tmp_path: Path) -> None:
    add("nas/train/procedures/gate_first.py")
    path = tmp_path / "own.yaml"
    path.write_text(
        "template: heads\nchoices:\n  head: [soft]\n  recipe.settings.alone: [0, 1]\n"
        "recipe: {procedure: gate_first}\n"
    )
    space = load(str(path))
    check_space(space)
    check_recipes(space)
    sampler = make_sampler("stratified", space, seed=0)
    point = sampler.propose([], Phase())
    candidate = Candidate.of(space, point, Task(), "")
    alone = candidate.choices["recipe.settings.alone"]
    assert candidate.training_recipe.settings == {"alone": alone}
    assert candidate.template_settings == {"head": "soft"}
    path.write_text(path.read_text().replace("[0, 1]", "[0, yes]"))
    with pytest.raises(ProblemError, match="'yes' is not a value of alone") as wrong:
        check_recipes(load(str(path)), place_in(path))
    assert wrong.value.problem.where == f"{path}:4"


ARMS = """\
template: heads
arms:
  joint: {head: soft}
  late: {head: soft, recipe: {procedure: gate_first}}
choices:
  recipe.settings.alone: [0, 1]
"""


def test_a_setting_is_refused_where_no_procedure_has_it(add: Add, tmp_path: Path) -> None:
    add("nas/train/procedures/gate_first.py")
    path = tmp_path / "own.yaml"

    def check(text: str) -> None:
        path.write_text(text)
        space = load(str(path))
        check_space(space, place_in(path))
        check_recipes(space, place_in(path))

    def refused(text: str) -> str:
        with pytest.raises(ProblemError) as wrong:
            check(text)
        return str(wrong.value)

    check(ARMS)
    check(ARMS + "  recipe.lr: [0.1]\n")
    check(ARMS.replace("joint: {head", "other: {recipe.procedure: gate_first, hidden: 8, head"))
    check(
        "template: heads\nchoices:\n  head: [soft]\n  recipe.settings.alone: [0]\n"
        "  recipe.procedure: [joint, gate_first]\n"
    )
    never = "joint has no setting 'alone'"
    assert f"{path}:6: the procedure {never}" in refused(
        ARMS.replace("gate_first", "joint, lr: 0.1")
    )
    text = refused(ARMS.replace("alone: [0, 1]", "alone: [0, -1]"))
    assert f"{path}:6: " in text
    text = refused(ARMS.split("choices")[0] + "recipe: {settings: {alone: 1}}\n")
    assert f"{path}:5: the procedure {never}" in text, "of the recipe, not of the arm that has it"


def test_a_loss_by_hand(add: Add) -> None:
    add("nas/moe/losses/peak.py")
    probs = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert float(loss("peak")(routing(probs))) == pytest.approx(0.75)


def test_a_loss_enters_training_with_its_weight(add: Add, few: Data) -> None:
    with pytest.raises(UsageError, match="no loss is called 'peak'"):
        train(few, losses={"peak": 1.0})
    add("nas/moe/losses/peak.py")
    [without, _], _ = train(few)
    [unweighted, _], _ = train(few, losses={"peak": 0.0})
    [weighted, _], _ = train(few, losses={"peak": 5.0})
    assert unweighted.train_loss == without.train_loss  # a weight of 0 is no loss
    assert weighted.train_loss > without.train_loss
    assert weighted.usage != without.usage
    names = {metric.name for metric in weighted.metrics}
    assert {"loss_balance", "loss_peak"} <= names


def test_a_space_names_a_loss_that_is_there(add: Add) -> None:
    from pydantic import ValidationError

    from nas.space.file_schema import FileRecipe

    with pytest.raises(ValidationError, match="unknown loss 'peak'"):
        FileRecipe.model_validate({"losses": {"peak": 1.0}})
    add("nas/moe/losses/peak.py")
    recipe = FileRecipe.model_validate({"losses": {"peak": 1.0}})
    assert recipe.model_dump()["losses"] == {"peak": 1.0}
    assert "losses" not in FileRecipe().model_dump()  # so that candidates keep their keys
    with pytest.raises(ValidationError, match="balance_weight"):
        FileRecipe.model_validate({"losses": {"balance": 1.0}})


def test_a_metric_is_computed_in_every_epoch(add: Add, few: Data, tmp_path: Path) -> None:
    from nas.campaign.trackers.base import figures as tracked

    add("nas/moe/metrics/busiest.py")
    epochs, _ = train(few)
    for epoch in epochs:
        found = {(m.split, m.layer, m.name): m.value for m in epoch.metrics}
        shares = found["val", "gate", "expert_shares"]
        assert isinstance(shares, tuple)
        assert found["val", "gate", "busiest"] == max(shares)
        assert found["val", "gate", "gate_entropy"] == epoch.gate_entropy
        assert 1 / 3 <= found["train", "gate", "busiest"] <= 1  # type: ignore[operator]
    shown = tracked(Maker(tmp_path / "runs.db").draw("ant_s"), epochs[1])
    assert shown["val/gate/busiest"] == found["val", "gate", "busiest"]
    assert shown["val/gate/expert_shares/0"] == shares[0]
    assert shown["train/loss_balance"] == epochs[1].balance_loss


def test_a_proxy_measures(add: Add) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False), nn.ReLU())
    nn.init.zeros_(model[1].weight)  # type: ignore[arg-type]
    images, labels = torch.randn(8, 1, 2, 2), torch.arange(8) % 2
    assert "initial_loss" not in figures(model, images, labels)
    add("nas/measure/proxies/initial_loss.py")
    found = figures(model, images, labels)
    assert found["initial_loss"] == pytest.approx(torch.log(torch.tensor(2.0)).item())


def test_an_instrument_examines(add: Add, few: Data) -> None:
    from nas.compute import Compute
    from nas.diagnose.examining import instrument
    from nas.diagnose.instruments.base import Subject
    from nas.registry import INSTRUMENTS

    assert "margins" not in INSTRUMENTS.names()
    add("nas/diagnose/instruments/margins.py")
    # Logits (2, 0, … 0) for every image: probabilities e² and 1 over e² + 9.
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    nn.init.zeros_(model[1].weight)  # type: ignore[arg-type]
    model[1].bias.data = 2.0 * (torch.arange(10) == 0)  # type: ignore[union-attr, operator]
    subject = Subject(model.eval(), few, Compute(CPU), batch_size=16, seed=0)
    found = instrument("margins")().examine(subject)
    e2 = torch.tensor(2.0).exp().item()
    assert found == {"test.margin": pytest.approx((e2 - 1) / (e2 + 9))}


def test_an_instrument_s_legend_explains_it(add: Add) -> None:
    from nas.report.findings import findings

    add("nas/diagnose/legends/margins.py")
    assert list(findings("margins", {"test.margin": 0.5, "new": 1.0})) == [
        {"instrument": "margins", "figure": "certainty, test images", "value": "0.500"},
        {"instrument": "margins", "figure": "1 more", "value": "nas report diagnose -f csv"},
    ]
