"""Pretrained weights: fetched into a store, checked, and loaded as they were saved."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
from weights_samples import LABELS, checkpoint, member

from nas.experts.fetching import fetch
from nas.experts.loading import load_trunk
from nas.experts.weights import WeightStore, check_weights, resolved
from nas.schema import ExpertAxis, Member, ModelInput, ProblemError, Space


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path / "store")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with one checkpoint."""
    checkpoint(tmp_path / "saved")
    return tmp_path / "saved"


def space(*members: Member) -> Space:
    families = {each.model: (each,) for each in members}
    return Space(name="photos", template="pretrained", experts=ExpertAxis(k=1, families=families))


def test_what_is_fetched_is_known_by_name_and_loads_as_it_was(
    store: WeightStore, saved: Path
) -> None:
    resnet = member()
    assert store.find(resnet) is None
    found = fetch(resnet, store, saved)
    assert store.find(resnet) == found
    assert found.inputs == ModelInput(
        image_size=32, crop=0.8, interpolation="bilinear", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)
    )
    assert found.inputs.resized == 40
    assert (found.licence, found.outputs, found.name) == ("mit", LABELS, "test_resnet.mine")

    trunk = timm.create_model("test_resnet", num_classes=0)
    load_trunk(trunk, resnet.with_(weights=found), store.checked(found))
    original = timm.create_model("test_resnet", num_classes=LABELS)
    file = saved / "test_resnet.mine" / "model.safetensors"
    original.load_state_dict(safetensors.torch.load_file(file))
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        features = original.eval().forward_features(images)
        expected = original.forward_head(features, pre_logits=True)
        assert torch.equal(trunk.eval()(images), expected)


@pytest.mark.parametrize(
    ("model", "args"),
    [("test_vit", {"img_size": 32}), ("test_efficientnet", {}), ("test_convnext", {})],
)
def test_networks_of_other_families(
    model: str, args: dict[str, int], store: WeightStore, tmp_path: Path
) -> None:
    checkpoint(tmp_path / "saved", model, **args)
    named = member(model, **args)
    found = fetch(named, store, tmp_path / "saved")
    trunk = timm.create_model(model, num_classes=0, **args)
    load_trunk(trunk, named.with_(weights=found), store.checked(found))
    saved = safetensors.torch.load_file(tmp_path / "saved" / f"{model}.mine" / "model.safetensors")
    assert all(torch.equal(value, saved[name]) for name, value in trunk.state_dict().items())


def test_a_space_takes_what_the_store_knows_and_the_largest_size(
    store: WeightStore, saved: Path
) -> None:
    photos = space(member(), member("test_vit"))
    with pytest.raises(
        ProblemError, match=r"not on this machine: test_resnet\.mine, test_vit\.mine"
    ):
        check_weights(resolved(photos, store), store)
    fetch(member(), store, saved)
    known = resolved(photos, store)
    assert known.image_size == 224, "that of the one that is not known yet"
    assert known.members[0][1].weights == store.find(member())
    with pytest.raises(ProblemError, match="nas weights get photos") as wrong:
        check_weights(known, store)
    assert "not on this machine: test_vit.mine" in str(wrong.value)
    alone = resolved(space(member()), store)
    assert alone.image_size == 40
    check_weights(alone, store)


def test_a_bit_that_has_changed_is_found(store: WeightStore, saved: Path) -> None:
    """safetensors itself loads such a file without a word."""
    found = fetch(member(), store, saved)
    path = store.file(found)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    safetensors.torch.load_file(path)
    with pytest.raises(ProblemError, match="their checksum is wrong"):
        store.checked(found)
    path.unlink()
    assert store.find(member()) is None
    with pytest.raises(ProblemError, match="not on this machine"):
        store.checked(found)


def test_weights_of_another_architecture_are_refused(store: WeightStore, saved: Path) -> None:
    other = member("test_convnext", weights=str(saved / "test_resnet.mine"))
    with pytest.raises(ProblemError, match="are of test_resnet, not of test_convnext"):
        fetch(other, store)
    bare = saved / "bare.safetensors"
    shutil.copy(saved / "test_resnet.mine" / "model.safetensors", bare)
    with pytest.raises(ProblemError, match="do not fit test_convnext"):
        fetch(member("test_convnext", weights=str(bare)), store)
    assert not store.folder.exists()


def test_a_tensor_that_is_missing_is_found(store: WeightStore, saved: Path) -> None:
    """timm leaves it at random as soon as the number of outputs differs."""
    file = saved / "test_resnet.mine" / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    del tensors["layer1.0.conv1.weight"]
    safetensors.torch.save_file(tensors, file)
    with pytest.raises(ProblemError, match=r"do not fit test_resnet: .*layer1\.0\.conv1\.weight"):
        fetch(member(), store, saved)


def test_a_file_that_is_cut_short(store: WeightStore, saved: Path) -> None:
    file = saved / "test_resnet.mine" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ProblemError, match="cut short or no safetensors file"):
        fetch(member(), store, saved)


def test_a_pickle_of_tensors_is_read_and_one_with_code_is_not(
    store: WeightStore, saved: Path
) -> None:
    file = saved / "test_resnet.mine" / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    as_pickle = saved / "resnet.pth"
    torch.save({"state_dict": tensors}, as_pickle)
    found = fetch(member(weights=str(as_pickle)), store)
    assert found.outputs == LABELS
    kept = safetensors.torch.load_file(store.file(found))
    assert all(torch.equal(kept[name], value) for name, value in tensors.items())
    torch.save({"state_dict": tensors, "model": Path}, as_pickle)
    with pytest.raises(ProblemError, match="has more than tensors, or is damaged"):
        fetch(member(weights=str(as_pickle)), store)


def test_a_name_without_a_tag_is_no_name_of_weights(store: WeightStore) -> None:
    with pytest.raises(ProblemError, match="does not say which of its published weights") as wrong:
        fetch(member("resnet18", weights="resnet18"), store)
    assert "resnet18.a1_in1k" in str(wrong.value)
    with pytest.raises(ProblemError, match=r"has no weights 'resnet18\.nonsense'"):
        fetch(member("resnet18", weights="resnet18.nonsense"), store)
    with pytest.raises(ProblemError, match="no such file or folder"):
        fetch(member(weights="somewhere/else"), store)


def test_a_hub_gives_revision_and_licence(
    store: WeightStore, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the hub's client: a folder's files at one commit."""
    files = saved / "test_resnet.mine"

    class Api:
        def model_info(self, name: str, revision: str | None) -> SimpleNamespace:
            assert (name, revision) == ("someone/resnet", "v2")
            return SimpleNamespace(sha="c0ffee", card_data={"license": "other"})

    def download(name: str, file: str, *, revision: str) -> str:
        assert (name, revision) == ("someone/resnet", "c0ffee")
        return str(files / file)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    found = fetch(member(weights="hf-hub:someone/resnet@v2"), store)
    assert (found.revision, found.licence) == ("c0ffee", "mit"), "the checkpoint's own comes first"

    def offline(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    with pytest.raises(ProblemError, match=r"does not give someone/resnet: .*no route") as wrong:
        fetch(member(weights="hf-hub:someone/resnet@v2"), store)
    assert "--from DIR" in str(wrong.value)


def test_a_folder_that_lacks_them_says_what_to_put_there(store: WeightStore, saved: Path) -> None:
    with pytest.raises(ProblemError, match=r"it has no weights test_vit\.mine") as wrong:
        fetch(member("test_vit"), store, saved)
    assert "test_vit.mine.safetensors" in str(wrong.value)


def test_a_configuration_that_is_damaged(store: WeightStore, saved: Path) -> None:
    config = saved / "test_resnet.mine" / "config.json"
    whole = json.loads(config.read_text())
    config.write_text("{")
    with pytest.raises(ProblemError, match="it cannot be read"):
        fetch(member(), store, saved)
    whole["pretrained_cfg"]["std"] = [0, 0, 0]
    config.write_text(json.dumps(whole))
    with pytest.raises(ProblemError, match="not of RGB images"):
        fetch(member(), store, saved)
